package distribution

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"berth/internal/fault"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Media types of Docker's manifests; OCI's are in ocispec.
const (
	DockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	DockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
)

// mediaTypes are those that we read.
func mediaTypes() []string {
	return []string{DockerManifest, ocispec.MediaTypeImageManifest, DockerList, ocispec.MediaTypeImageIndex}
}

// answer is a registry's, in whole.
type answer struct {
	code     int
	header   http.Header
	location string
	body     []byte
}

// failure says what could not be done, and why in the registry's words.
func (a answer) failure(doing string, args ...any) error {
	kind := fault.Internal
	switch a.code {
	case http.StatusUnauthorized:
		kind = fault.Unauthorized
	case http.StatusForbidden:
		kind = fault.Forbidden
	case http.StatusNotFound:
		kind = fault.NotFound
	}
	var said struct {
		Errors []struct{ Code, Message string } `json:"errors"`
	}
	why := fmt.Sprintf("received unexpected HTTP status: %d %s", a.code, http.StatusText(a.code))
	if json.Unmarshal(a.body, &said) == nil && len(said.Errors) > 0 {
		var all []string
		for _, e := range said.Errors {
			all = append(all, strings.ToLower(strings.ReplaceAll(e.Code, "_", " "))+": "+e.Message)
		}
		why = strings.Join(all, "; ")
	}
	return fault.New(kind, "failed to %s: %s", fmt.Sprintf(doing, args...), why)
}
