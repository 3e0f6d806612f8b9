// audit-filter-oracle: what the filter of a Vault audit device lets pass, by the library that Vault asks.
//
// A line of JSON in: {"filter": TEXT, "requests": [{mount_point, mount_type, namespace, operation, path}]}. A line out:
// {"error": TEXT} where Vault refuses the filter, as audit/entry_filter.go does (1.21.4: it is tried on an empty request),
// else {"passes": [BOOL]}.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/go-bexpr"
)

// As sdk/logical/audit.go has it, LogInputBexpr.
type request struct {
	MountPoint string `bexpr:"mount_point" json:"mount_point"`
	MountType  string `bexpr:"mount_type" json:"mount_type"`
	Namespace  string `bexpr:"namespace" json:"namespace"`
	Operation  string `bexpr:"operation" json:"operation"`
	Path       string `bexpr:"path" json:"path"`
}

type question struct {
	Filter   string    `json:"filter"`
	Requests []request `json:"requests"`
}

type answer struct {
	Error  string `json:"error,omitempty"`
	Passes []bool `json:"passes"`
}

func judge(q question) answer {
	filter := strings.TrimSpace(q.Filter)
	if filter == "" {
		return answer{Error: "empty"}
	}
	evaluator, err := bexpr.CreateEvaluator(filter)
	if err != nil {
		return answer{Error: err.Error()}
	}
	if _, err = evaluator.Evaluate(request{}); err != nil {
		return answer{Error: err.Error()}
	}
	passes := make([]bool, 0, len(q.Requests))
	for i := range q.Requests {
		result, err := evaluator.Evaluate(&q.Requests[i])
		if err != nil {
			return answer{Error: err.Error()}
		}
		passes = append(passes, result)
	}
	return answer{Passes: passes}
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 64<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		var q question
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		if err := json.NewEncoder(out).Encode(judge(q)); err != nil {
			os.Exit(2)
		}
	}
}
