"""What LogLevel and program names leave of a rule on sshd's log."""

from __future__ import annotations

import pytest
from lab import sshd as lab_sshd

from tests.proof.asking import rules, rules_under
from vedette.proof.links.emitted_sshd import EmittedSshd, SshdGiven
from vedette.proof.sshd_config import LEVELS, read_sshd_config, read_version
from vedette.proof.verdict import LinkResult, State


def judged(text: str | None = None, **given: object) -> LinkResult:
    """S1 under a configuration."""
    config = None if text is None else read_sshd_config(text, "sshd_config")
    return EmittedSshd(SshdGiven(config, **given), rules_under()).check(rules()["S1"])  # type: ignore[arg-type]


@pytest.mark.parametrize("level", LEVELS)
def test_a_login_is_said_from_info_on(level: str) -> None:
    """Below that every variant is hidden, and the line of the file is named."""
    result = judged(f"Port 22\nLogLevel {level}\n")
    if level in ("QUIET", "FATAL", "ERROR"):
        assert result.state is State.BLIND
        assert f"sshd_config:2: at LogLevel {level} sshd does not say it" in result.why
        assert "LogLevel INFO" in result.mend
        assert not result.in_part
    else:
        assert result.state is State.READY, result.why


@pytest.mark.parametrize("level", ["QUIET", "FATAL", "ERROR", "INFO", "VERBOSE", "DEBUG1"])
def test_a_real_sshd_says_a_login_where_it_is_said_to(level: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The same levels, by a login at a real one."""
    server = lab_sshd.SshServer(tmp_path_factory.mktemp("sshd"), level=level)
    try:
        server.login()
        said = "Accepted publickey for " in server.process.log.read_text()
    finally:
        server.stop()
    assert said is (judged(f"LogLevel {level}").state is State.READY)


def test_a_real_sshd_takes_the_level_of_a_match_block(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For whom it is for, its logins are hidden; so the rule is blind in part."""
    block = "Match User *\n  LogLevel QUIET\n"
    monkeypatch.setattr(lab_sshd, "_SSHD", lab_sshd._SSHD + block)
    server = lab_sshd.SshServer(tmp_path_factory.mktemp("sshd"))
    try:
        server.login()
        said = "Accepted publickey for " in server.process.log.read_text()
    finally:
        server.stop()
    result = judged("LogLevel INFO\n" + block)
    assert said is False
    assert result.state is State.BLIND
    assert result.in_part
    assert "sshd_config:3: at LogLevel QUIET of Match User *" in result.why


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("", "INFO"),
        ("#LogLevel QUIET\n", "INFO"),
        ("loglevel verbose\n", "VERBOSE"),
        ("LogLevel=ERROR\n", "ERROR"),
        ('LogLevel "DEBUG" # loud\n', "DEBUG1"),
        ("LogLevel INFO\nLogLevel QUIET\n", "INFO"),
        ("Match User a\nLogLevel QUIET\nMatch all\nLogLevel ERROR\n", "ERROR"),
    ],
)
def test_the_first_value_of_everybody_counts(text: str, level: str) -> None:
    """As sshd reads its file."""
    assert read_sshd_config(text, "f").general.level == level


def test_what_is_included_and_not_read_is_not_known() -> None:
    """A drop-in before the first LogLevel may say anything; sshd -T has all in it."""
    result = judged("Include /etc/ssh/sshd_config.d/*.conf\n")
    assert result.state is State.UNKNOWN
    assert "sshd_config:1: /etc/ssh/sshd_config.d/*.conf is included and not read" in result.why
    assert "sshd -T" in result.mend
    assert judged("LogLevel INFO\nInclude /etc/x\n").state is State.READY


def test_a_word_that_is_no_level_is_unknown() -> None:
    """sshd would not start with it; nothing is guessed."""
    result = judged("LogLevel LOUD\n")
    assert result.state is State.UNKNOWN
    assert "LOUD" in result.why


@pytest.mark.parametrize(
    ("names", "version", "state"),
    [
        (["sshd", "sshd-session"], None, State.READY),
        (["sshd"], None, State.UNKNOWN),
        (["sshd-session"], None, State.UNKNOWN),
        (["sshd"], (9, 8), State.BLIND),
        (["sshd"], (10, 0), State.BLIND),
        (["sshd"], (9, 2), State.READY),
        (["sshd-session"], (9, 2), State.BLIND),
        (["cron"], None, State.BLIND),
    ],
)
def test_a_source_that_picks_the_wrong_program_hides_logins(
    names: list[str], version: tuple[int, ...] | None, state: State
) -> None:
    """From 9.8 on sshd-session says who was let in; of an unknown version it is not known."""
    result = judged("LogLevel INFO\n", picked={"ssh": names}, version=version)
    assert result.state is state
    if state is not State.READY:
        assert "source ssh picks" in result.why
        assert "sshd-session" in result.mend


def test_nothing_known_is_unknown_and_says_how_to_tell() -> None:
    """Never READY."""
    result = judged()
    assert result.state is State.UNKNOWN
    assert "--sshd-config" in result.mend
    assert not EmittedSshd(SshdGiven(), rules_under()).check(rules()["V4"]).concerns


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("OpenSSH_9.2p1 Debian-2, OpenSSL 3.0", (9, 2)),
        ("OpenSSH_10.0, OpenSSL", (10, 0)),
        ("dropbear", None),
        ("", None),
    ],
)
def test_the_version_is_what_sshd_says(text: str, version: tuple[int, ...] | None) -> None:
    """As `sshd -V` prints it; of another server there is none."""
    assert read_version(text) == version
