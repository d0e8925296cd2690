// Package source is what a log driver may say of the container that a log
// comes from: by a tag that a template makes, and by chosen labels and
// environment variables.
package source

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"berth/internal/fault"
)

// Info is a container as tag templates see it: its fields and methods have
// the names that Docker's have.
type Info struct {
	Config              map[string]string // the log options
	ContainerID         string
	ContainerName       string
	ContainerEntrypoint string
	ContainerArgs       []string
	ContainerImageID    string
	ContainerImageName  string
	ContainerCreated    time.Time
	ContainerEnv        []string
	ContainerLabels     map[string]string
	LogPath             string
	DaemonName          string
}

const shortLen = 12

func short(id string) string { return id[:min(len(id), shortLen)] }

// ID is the container's ID, shortened.
func (i *Info) ID() string { return short(i.ContainerID) }

// FullID is the container's ID.
func (i *Info) FullID() string { return i.ContainerID }

// Name is the container's name, without a slash in front.
func (i *Info) Name() string { return strings.TrimPrefix(i.ContainerName, "/") }

// ImageID is the image's ID, shortened as Docker does it: the algorithm counts.
func (i *Info) ImageID() string { return short(i.ContainerImageID) }

// ImageFullID is the image's ID.
func (i *Info) ImageFullID() string { return i.ContainerImageID }

// ImageName is what the container was created from.
func (i *Info) ImageName() string { return i.ContainerImageName }

// Command is what the container runs.
func (i *Info) Command() string {
	return strings.Join(append([]string{i.ContainerEntrypoint}, i.ContainerArgs...), " ")
}

// Hostname is the machine's name.
func (i *Info) Hostname() (string, error) {
	name, err := os.Hostname()
	if err != nil {
		return "", fault.New(fault.Internal, "logger: can not resolve hostname: %v", err)
	}
	return name, nil
}

// Attributes are the labels and environment variables that the options labels,
// labels-regex, env and env-regex choose, by the names that rename makes of theirs (nil keeps them).
func (i *Info) Attributes(rename func(string) string) (map[string]string, error) {
	if rename == nil {
		rename = func(s string) string { return s }
	}
	env := map[string]string{}
	for _, e := range i.ContainerEnv {
		if key, value, ok := strings.Cut(e, "="); ok {
			env[key] = value
		}
	}
	chosen := map[string]string{}
	for _, from := range []struct {
		values map[string]string
		option string
	}{{i.ContainerLabels, "labels"}, {env, "env"}} {
		for _, key := range strings.Split(i.Config[from.option], ",") {
			if v, ok := from.values[key]; ok {
				chosen[rename(key)] = v
			}
		}
		pattern := i.Config[from.option+"-regex"]
		if pattern == "" {
			continue
		}
		re, err := regexp.Compile(pattern)
		if err != nil {
			return nil, fault.As(fault.Invalid, err)
		}
		for _, key := range slices.Sorted(maps.Keys(from.values)) {
			if re.MatchString(key) {
				chosen[rename(key)] = from.values[key]
			}
		}
	}
	return chosen, nil
}

// Check refuses the options that this package reads, where they cannot be read.
func Check(options map[string]string) error {
	for _, key := range []string{"labels-regex", "env-regex"} {
		if _, err := regexp.Compile(options[key]); err != nil {
			return fault.As(fault.Invalid, err)
		}
	}
	id := strings.Repeat("0", 64)
	some := Info{Config: options, ContainerID: id, ContainerName: "/name", ContainerImageID: "sha256:" + id, ContainerImageName: "image", DaemonName: "docker"}
	_, err := some.Tag("")
	return err
}
