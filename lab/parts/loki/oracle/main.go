// logql-oracle says what Loki's own LogQL makes of lines, without a Loki.
//
// Standard input has a JSON object a line, {"queries": ["{job=\"x\"} | ..."], "lines": ["<base64>", ...]}; each is
// answered by a line of standard output, in order: {"answers": [...]}, one for each query. An answer is
// {"error": "..."} of a query that cannot be parsed, or {"lines": [...]}: for each line null where the query leaves it
// out, else its labels. Of a metric query they are those of the sample that the line becomes. The labels of the stream
// are the equality matchers of the query's selector; what the selector says beyond them is not judged. A label that is
// no UTF-8, or has U+FFFD in it, is an error, as it is to Loki, which answers such a query with status 500.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/grafana/loki/v3/pkg/logql/syntax"
	"github.com/prometheus/prometheus/model/labels"
)

type request struct {
	Queries []string `json:"queries"`
	Lines   [][]byte `json:"lines"`
}

type answer struct {
	Error string              `json:"error,omitempty"`
	Lines []map[string]string `json:"lines,omitempty"`
}

type response struct {
	Answers []answer `json:"answers"`
}

// process gives the labels that a line ends with, and whether it passes.
type process func(line []byte) (map[string]string, bool)

func stream(matchers []*labels.Matcher) labels.Labels {
	found := map[string]string{}
	for _, matcher := range matchers {
		if matcher.Type == labels.MatchEqual {
			found[matcher.Name] = matcher.Value
		}
	}
	return labels.FromMap(found)
}

func ofLogs(expr syntax.LogSelectorExpr) (process, error) {
	pipeline, err := expr.Pipeline()
	if err != nil {
		return nil, err
	}
	lines := pipeline.ForStream(stream(expr.Matchers()))
	return func(line []byte) (map[string]string, bool) {
		_, result, passes := lines.Process(0, line, labels.EmptyLabels())
		if !passes {
			return nil, false
		}
		return result.Labels().Map(), true
	}, nil
}

func ofMetric(expr syntax.SampleExpr) (process, error) {
	extractors, err := expr.Extractors()
	if err != nil {
		return nil, err
	}
	groups, err := expr.MatcherGroups()
	if err != nil {
		return nil, err
	}
	if len(extractors) != 1 || len(groups) != 1 {
		return nil, fmt.Errorf("%d selectors and %d extractors in a metric query; one of each can be judged", len(groups), len(extractors))
	}
	samples := extractors[0].ForStream(stream(groups[0].Matchers))
	return func(line []byte) (map[string]string, bool) {
		found, passes := samples.Process(0, line, labels.EmptyLabels())
		if !passes || len(found) == 0 {
			return nil, false
		}
		return found[0].Labels.Labels().Map(), true
	}, nil
}

func compiled(query string) (process, error) {
	expr, err := syntax.ParseExpr(query)
	if err != nil {
		return nil, err
	}
	switch one := expr.(type) {
	case syntax.LogSelectorExpr:
		return ofLogs(one)
	case syntax.SampleExpr:
		return ofMetric(one)
	}
	return nil, fmt.Errorf("neither a log nor a metric query: %T", expr)
}

func judged(query string, lines [][]byte) answer {
	run, err := compiled(query)
	if err != nil {
		return answer{Error: err.Error()}
	}
	found := make([]map[string]string, len(lines))
	for at, line := range lines {
		named, passes := run(line)
		if !passes {
			continue
		}
		for label, value := range named {
			if strings.ContainsRune(value, utf8.RuneError) {
				return answer{Error: fmt.Sprintf("line %d: the label %s is no UTF-8: %q", at, label, value)}
			}
		}
		found[at] = named
	}
	return answer{Lines: found}
}

func main() {
	in := json.NewDecoder(bufio.NewReaderSize(os.Stdin, 1<<20))
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	encoder := json.NewEncoder(out)
	for {
		var asked request
		if err := in.Decode(&asked); err == io.EOF {
			return
		} else if err != nil {
			fmt.Fprintln(os.Stderr, "logql-oracle: standard input:", err)
			os.Exit(2)
		}
		told := response{Answers: make([]answer, len(asked.Queries))}
		done := make(chan struct{})
		for at, query := range asked.Queries {
			go func() {
				told.Answers[at] = judged(query, asked.Lines)
				done <- struct{}{}
			}()
		}
		for range asked.Queries {
			<-done
		}
		if err := encoder.Encode(told); err == nil {
			err = out.Flush()
			if err == nil {
				continue
			}
		}
		fmt.Fprintln(os.Stderr, "logql-oracle: standard output is closed")
		os.Exit(2)
	}
}
