// Package compat knows the versions of the Engine API and how they differ.
package compat

import (
	"strconv"
	"strings"

	"berth/internal/fault"
)

// Version is the minor number of an Engine API version; the major one is 1.
type Version int

// The versions that are served. The newest is that of the moby/moby/api module.
const (
	Min Version = 24
	Max Version = 56
)

// String returns "1.45".
func (v Version) String() string { return "1." + strconv.Itoa(int(v)) }

// Change is one difference between two API versions that a handler asks about.
type Change int

// The differences, told in changes.
const (
	BinarySocket Change = iota
	WaitConditions
	WaitReportsErrors
	UpdatePids
	CreatePlatform
	OneShotStats
	StopSignal
	SocketStreams
	ConsoleSize
	MultiplexedType
	DanglingHasNoTags
	NoVirtualSize
	EndpointsMany
	EndpointMAC
	NoAnnotations
	ImageDescriptors
	ImageContainersCount
	NoLegacyNetwork
	ListHealth
	NoKernelMemory
	ImageCreateEvents
	JSONLines
	InfoNoArtifacts
	InfoFirewall
	InfoNoBridgeNf
	DiskUsageTypes
	DiskUsageVerbose
	SavePlatforms
	InspectPlatform
	RemovePlatforms
	ManyPlatforms
	SharedSize
	ListManifests
	ListIdentity
	Attestations
	PullPlatform
	PushPlatform
	PruneAnonymous
	NonRecursiveBinds
	CreateMountpoint
	RecursiveReadOnly
	VolumeSubpath
	ImageMounts
	NetworksWithoutContainers
	NetworkSummaries
)

// changes is the one place that knows which version brought what.
var changes = [...]struct {
	since Version
	what  string
}{
	BinarySocket:              {28, "attach/ws sends binary frames; before, text"},
	WaitConditions:            {30, "wait takes a condition and sends its header at once"},
	WaitReportsErrors:         {34, "wait for removal reports a failed removal in Error instead of an empty body"},
	UpdatePids:                {40, "update takes PidsLimit; before, it is not looked at"},
	CreatePlatform:            {41, "create takes a platform"},
	OneShotStats:              {41, "stats takes one-shot; before, it is not looked at"},
	StopSignal:                {42, "stop takes a signal"},
	SocketStreams:             {42, "attach/ws takes stdin, stdout and stderr; before, it has all of them"},
	ConsoleSize:               {42, "create, exec create and exec start take ConsoleSize"},
	MultiplexedType:           {42, "upgraded streams say that they are framed in their Content-Type"},
	DanglingHasNoTags:         {43, "a dangling image has no RepoTags; before: <none>:<none>"},
	NoVirtualSize:             {44, "images have no VirtualSize, and no Created when unknown"},
	EndpointsMany:             {44, "create takes several EndpointsConfig"},
	EndpointMAC:               {44, "create takes the MAC address of an endpoint; before, it is only told"},
	ImageCreateEvents:         {46, "events tell of images that were built or committed"},
	DiskUsageTypes:            {42, "system df takes types of objects, and shows no BuilderSize"},
	DiskUsageVerbose:          {52, "system df counts by itself, and lists objects when asked to"},
	InfoNoArtifacts:           {47, "info has no AllowNondistributableArtifacts"},
	InfoFirewall:              {49, "info shows the firewall, and of commits no longer which were expected"},
	InfoNoBridgeNf:            {50, "info has no BridgeNfIptables"},
	JSONLines:                 {52, "events are JSON lines, without the fields status, id and from"},
	NoKernelMemory:            {42, "create does not look at limits on kernel memory; before, it discards them with a warning"},
	NoAnnotations:             {46, "list shows HostConfig.Annotations"},
	ImageDescriptors:          {48, "images and containers show descriptors"},
	ImageContainersCount:      {51, "image list counts containers"},
	NoLegacyNetwork:           {52, "inspect has no addresses of the default bridge beside Networks"},
	SharedSize:                {42, "image list takes shared-size"},
	ListManifests:             {47, "image list takes manifests"},
	SavePlatforms:             {48, "save, load and history take a platform"},
	InspectPlatform:           {49, "image inspect takes a platform"},
	RemovePlatforms:           {50, "image removal takes platforms"},
	ManyPlatforms:             {52, "save and load take several platforms; before, one"},
	ListIdentity:              {54, "image list takes identity"},
	PruneAnonymous:            {42, "a prune of volumes takes anonymous ones only, unless it says all"},
	NonRecursiveBinds:         {40, "create takes BindOptions.NonRecursive; before, it is not looked at"},
	CreateMountpoint:          {42, "create takes BindOptions.CreateMountpoint; before, it is not looked at"},
	RecursiveReadOnly:         {44, "read-only binds are so with what is mounted below; before, by themselves"},
	VolumeSubpath:             {45, "create takes VolumeOptions.Subpath; before, it is refused"},
	ImageMounts:               {48, "create takes mounts of images; before, they are refused"},
	Attestations:              {55, "images tell what is attested of them"},
	PullPlatform:              {32, "pull takes a platform"},
	PushPlatform:              {46, "push takes a platform"},
	ListHealth:                {52, "list shows Health"},
	NetworksWithoutContainers: {28, "network list shows no containers"},
	NetworkSummaries:          {52, "network list has no field for containers"},
}

// Has reports whether version v has the change.
func (v Version) Has(c Change) bool { return v >= changes[c].since }

// Parse reads "1.45" and refuses what is not served, in Docker's words.
func Parse(s string) (Version, error) {
	major, minor, _ := strings.Cut(s, ".")
	maj, err1 := strconv.Atoi(major)
	minr, err2 := strconv.Atoi(minor)
	if err1 != nil || err2 != nil {
		return 0, fault.New(fault.Invalid, "invalid API version %q", s)
	}
	v := Version(minr)
	switch {
	case maj < 1 || maj == 1 && v < Min:
		return 0, fault.New(fault.Invalid, "client version %s is too old. Minimum supported API version is %s, please upgrade your client to a newer version", s, Min)
	case maj > 1 || v > Max:
		return 0, fault.New(fault.Invalid, "client version %s is too new. Maximum supported API version is %s", s, Max)
	}
	return v, nil
}

// Split takes a leading /v1.45 off a path. found is "" when there is none.
func Split(path string) (found, rest string) {
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
