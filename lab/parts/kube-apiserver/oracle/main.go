// audit-policy-oracle: what kube-apiserver makes of an audit policy, by its own packages.
//
// A line of JSON in: {"policy": TEXT, "requests": [{user, groups, verb, namespace, group, resource, subresource, name,
// path, resourceRequest, nobody}]}. A line out: {"error": TEXT} where LoadPolicyFromBytes refuses the policy (as
// LoadPolicyFromFile does at the server's start), else {"verdicts": [{level, omitStages, omitManagedFields}]}.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"sort"

	"k8s.io/apiserver/pkg/audit/policy"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/klog/v2"
)

type request struct {
	User            string   `json:"user"`
	Groups          []string `json:"groups"`
	Verb            string   `json:"verb"`
	Namespace       string   `json:"namespace"`
	Group           string   `json:"group"`
	Resource        string   `json:"resource"`
	Subresource     string   `json:"subresource"`
	Name            string   `json:"name"`
	Path            string   `json:"path"`
	ResourceRequest bool     `json:"resourceRequest"`
	// Nobody: not authenticated, so that the attributes have no user at all.
	Nobody bool `json:"nobody"`
}

type question struct {
	Policy   string    `json:"policy"`
	Requests []request `json:"requests"`
}

type verdict struct {
	Level             string   `json:"level"`
	OmitStages        []string `json:"omitStages"`
	OmitManagedFields bool     `json:"omitManagedFields"`
}

type answer struct {
	Error    string    `json:"error,omitempty"`
	Verdicts []verdict `json:"verdicts"`
}

func attributes(r request) authorizer.Attributes {
	record := authorizer.AttributesRecord{
		Verb:            r.Verb,
		Namespace:       r.Namespace,
		APIGroup:        r.Group,
		Resource:        r.Resource,
		Subresource:     r.Subresource,
		Name:            r.Name,
		Path:            r.Path,
		ResourceRequest: r.ResourceRequest,
	}
	if !r.Nobody {
		record.User = &user.DefaultInfo{Name: r.User, Groups: r.Groups}
	}
	return record
}

func judge(q question) answer {
	read, err := policy.LoadPolicyFromBytes([]byte(q.Policy))
	if err != nil {
		return answer{Error: err.Error()}
	}
	evaluator := policy.NewPolicyRuleEvaluator(read)
	verdicts := make([]verdict, 0, len(q.Requests))
	for _, r := range q.Requests {
		config := evaluator.EvaluatePolicyRule(attributes(r))
		stages := []string{}
		for _, stage := range config.OmitStages {
			stages = append(stages, string(stage))
		}
		sort.Strings(stages)
		verdicts = append(verdicts, verdict{string(config.Level), stages, config.OmitManagedFields})
	}
	return answer{Verdicts: verdicts}
}

func main() {
	// The warning of a lenient second reading goes to standard error, a line a policy.
	flags := flag.NewFlagSet("klog", flag.ExitOnError)
	klog.InitFlags(flags)
	_ = flags.Parse([]string{"-logtostderr=false", "-alsologtostderr=false", "-stderrthreshold=FATAL"})
	klog.SetOutput(io.Discard)
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 1 {
			var q question
			if problem := json.Unmarshal(line, &q); problem != nil {
				fmt.Fprintln(os.Stderr, "audit-policy-oracle:", problem)
				out.Flush()
				os.Exit(2)
			}
			if problem := encoder.Encode(judge(q)); problem != nil {
				fmt.Fprintln(os.Stderr, "audit-policy-oracle:", problem)
				os.Exit(2)
			}
		}
		if err != nil {
			return
		}
	}
}
