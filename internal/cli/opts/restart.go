package opts

import (
	"errors"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
)

// RestartPolicy reads name[:retries]. Which names there are is the daemon's to
// say; an empty value leaves the choice to it.
func RestartPolicy(v string) (container.RestartPolicy, error) {
	name, retries, ok := strings.Cut(v, ":")
	if ok && name == "" {
		return container.RestartPolicy{}, errors.New("invalid restart policy format: no policy provided before colon")
	}
	p := container.RestartPolicy{Name: container.RestartPolicyMode(name)}
	if retries != "" {
		n, err := strconv.Atoi(retries)
		if err != nil {
			return container.RestartPolicy{}, errors.New("invalid restart policy format: maximum retry count must be an integer")
		}
		p.MaximumRetryCount = n
	}
	return p, nil
}
