// Package access decides who may do what with which repository: users by their
// passwords, rights by rules, and tokens that carry rights for a while.
package access

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"

	"berth/internal/fault"
	"berth/internal/registry"

	"github.com/docker/go-units"
)

// Policy is the file of rules, as users write it:
//
//	{"rights": [{"users": ["ci"], "repositories": ["team/**"], "may": ["pull", "push", "delete"]},
//	            {"users": ["*"], "repositories": ["**"], "may": ["pull"], "catalog": true},
//	            {"anonymous": true, "repositories": ["public/*"], "may": ["pull"]}],
//	 "quotas": [{"repositories": ["team/**"], "size": "10GB"}]}
type Policy struct {
	Rights []Rule  `json:"rights"`
	Quotas []Quota `json:"quotas"`
}

// Rule gives rights. What no rule gives nobody has.
type Rule struct {
	Users        []string         `json:"users"`     // "*" is everybody with a password
	Anonymous    bool             `json:"anonymous"` // those without one too
	Repositories []string         `json:"repositories"`
	May          []registry.Right `json:"may"`
	Catalog      bool             `json:"catalog"` // to list all repositories
}

// Quota bounds what each of the repositories may hold. The first that matches counts.
type Quota struct {
	Repositories []string `json:"repositories"`
	Size         string   `json:"size"`

	bytes int64
}

// ReadPolicy reads a file of rules.
func ReadPolicy(file string) (Policy, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return Policy{}, err
	}
	p, err := parsePolicy(b)
	return p, fault.Wrap(fault.Invalid, err, "%s", file)
}

func parsePolicy(b []byte) (Policy, error) {
	var p Policy
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return p, err
	}
	for _, r := range p.Rights {
		if len(r.Users) == 0 && !r.Anonymous {
			return p, fault.New(fault.Invalid, "A rule is for users, or anonymous")
		}
		for _, may := range r.May {
			if may != registry.Pull && may != registry.Store && may != registry.Delete {
				return p, fault.New(fault.Invalid, "%q is no right: they are pull, push and delete", may)
			}
		}
		if err := patterns(r.Repositories); err != nil {
			return p, err
		}
	}
	for i := range p.Quotas {
		q := &p.Quotas[i]
		if err := patterns(q.Repositories); err != nil {
			return p, err
		}
		var err error
		if q.bytes, err = units.FromHumanSize(q.Size); err != nil || q.bytes <= 0 {
			return p, fault.New(fault.Invalid, "%q is no size for a quota", q.Size)
		}
	}
	return p, nil
}

func patterns(list []string) error {
	for _, p := range list {
		parts := strings.Split(p, "/")
		for i, part := range parts {
			if part == "" || strings.Contains(part, "*") && part != "*" && (part != "**" || i != len(parts)-1) {
				return fault.New(fault.Invalid, "%q is no pattern of repositories: * stands for one part of a name, and ** at the end for all that follow", p)
			}
		}
	}
	return nil
}

// matches reports whether a pattern stands for a repository.
func matches(pattern, repo string) bool {
	want, have := strings.Split(pattern, "/"), strings.Split(repo, "/")
	for i, part := range want {
		if part == "**" {
			return len(have) > i
		}
		if i >= len(have) || part != "*" && part != have[i] {
			return false
		}
	}
	return len(want) == len(have)
}

func anyMatches(list []string, repo string) bool {
	return slices.ContainsFunc(list, func(p string) bool { return matches(p, repo) })
}

// applies reports whether a rule is for a user; "" is nobody in particular.
func (r Rule) applies(user string) bool {
	return r.Anonymous || user != "" && (slices.Contains(r.Users, user) || slices.Contains(r.Users, "*"))
}

// allows reports whether the rules give a user what is needed.
func (p Policy) allows(user string, need registry.Need) bool {
	return slices.ContainsFunc(p.Rights, func(r Rule) bool {
		switch {
		case !r.applies(user):
			return false
		case need.Catalog:
			return r.Catalog
		case need.Repo == "":
			return true
		}
		return slices.Contains(r.May, need.Right) && anyMatches(r.Repositories, need.Repo)
	})
}

// Quota is how many bytes a repository may hold; 0 is no limit.
func (p Policy) Quota(repo string) int64 {
	for _, q := range p.Quotas {
		if anyMatches(q.Repositories, repo) {
			return q.bytes
		}
	}
	return 0
}
