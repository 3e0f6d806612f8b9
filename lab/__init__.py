"""Real servers on loopback, started as a user would run them, for tests and for trying vedette out.

In: the built servers (`built`), Debian's, and this working tree. Out: a `Lab` whose parts each have an address,
credentials, logs, and can be started, stopped and set up wrongly.
Never does: listen anywhere but on loopback, write outside the folder it is given, end a process that it did not start.
Read first: `lab.py`, then a part: `kube.py`, `vault.py`, `sshd.py`, `loki.py`, `alertmanager.py`, `slack.py`, `watch.py`.
"""
