package server

import (
	"strconv"
	"strings"

	"berth/internal/fault"
)

// apiVersion is the minor number of an Engine API version; the major one is 1.
type apiVersion int

// The versions that are served. The newest is that of the moby/moby/api module.
const (
	minVersion apiVersion = 24
	maxVersion apiVersion = 56
)

func (v apiVersion) String() string { return "1." + strconv.Itoa(int(v)) }

// change is one difference between two API versions that a handler asks about.
type change int

const (
	waitConditions change = iota
	waitReportsErrors
	createPlatform
	stopSignal
	consoleSize
	multiplexedType
	danglingHasNoTags
	noVirtualSize
	endpointsMany
	noAnnotations
	imageDescriptors
	imageContainersCount
	noLegacyNetwork
	listHealth
)

// changes is the one place that knows which version brought what.
var changes = [...]struct {
	since apiVersion
	what  string
}{
	waitConditions:       {30, "wait takes a condition and sends its header at once"},
	waitReportsErrors:    {34, "wait for removal reports a failed removal in Error instead of an empty body"},
	createPlatform:       {41, "create takes a platform"},
	stopSignal:           {42, "stop takes a signal"},
	consoleSize:          {42, "create, exec create and exec start take ConsoleSize"},
	multiplexedType:      {42, "upgraded streams say that they are framed in their Content-Type"},
	danglingHasNoTags:    {43, "a dangling image has no RepoTags; before: <none>:<none>"},
	noVirtualSize:        {44, "images have no VirtualSize, and no Created when unknown"},
	endpointsMany:        {44, "create takes several EndpointsConfig"},
	noAnnotations:        {46, "list shows HostConfig.Annotations"},
	imageDescriptors:     {48, "images and containers show descriptors"},
	imageContainersCount: {51, "image list counts containers"},
	noLegacyNetwork:      {52, "inspect has no addresses of the default bridge beside Networks"},
	listHealth:           {52, "list shows Health"},
}

// has reports whether version v has the change.
func (v apiVersion) has(c change) bool { return v >= changes[c].since }

// parseVersion reads "1.45" and refuses what is not served, in Docker's words.
func parseVersion(s string) (apiVersion, error) {
	major, minor, _ := strings.Cut(s, ".")
	maj, err1 := strconv.Atoi(major)
	minr, err2 := strconv.Atoi(minor)
	if err1 != nil || err2 != nil {
		return 0, fault.New(fault.Invalid, "invalid API version %q", s)
	}
	v := apiVersion(minr)
	switch {
	case maj < 1 || maj == 1 && v < minVersion:
		return 0, fault.New(fault.Invalid, "client version %s is too old. Minimum supported API version is %s, please upgrade your client to a newer version", s, minVersion)
	case maj > 1 || v > maxVersion:
		return 0, fault.New(fault.Invalid, "client version %s is too new. Maximum supported API version is %s", s, maxVersion)
	}
	return v, nil
}

// splitVersion takes a leading /v1.45 off a path. found is "" when there is none.
func splitVersion(path string) (found, rest string) {
	if len(path) < 3 || path[0] != '/' || path[1] != 'v' {
		return "", path
	}
	end := strings.IndexByte(path[1:], '/')
	if end < 0 {
		return "", path
	}
	word := path[2 : end+1]
	for _, c := range word {
		if (c < '0' || c > '9') && c != '.' {
			return "", path
		}
	}
	if word == "" {
		return "", path
	}
	return word, path[end+1:]
}
