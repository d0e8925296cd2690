package grammar

import (
	wire "github.com/moby/moby/api/types/container"

	"berth/internal/container/config"
)

// UpdateBody is the body of POST /containers/{id}/update, with fields that the newest wire
// type has lost and older clients may still send.
type UpdateBody struct {
	wire.UpdateConfig
	KernelMemory, KernelMemoryTCP int64
}

// Update translates an update and refuses what cannot be changed. It empties body.
func Update(body *UpdateBody) (u config.Update, warnings []string, err error) {
	if take(&body.KernelMemory) != 0 {
		warnings = append(warnings, "Specifying a kernel memory limit is deprecated and will be removed in a future release.")
	}
	u.PidsLimit = take(&body.PidsLimit)
	u.Resources = takeResources(&body.Resources)
	if asked := take(&body.RestartPolicy); asked.Name != "" {
		policy := restartPolicy(asked)
		u.Restart = &policy
	}
	return u, warnings, refuseRest("UpdateConfig", body)
}
