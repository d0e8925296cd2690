package daemon

import (
	"context"
	"strconv"
	"time"

	"github.com/opencontainers/go-digest"

	"berth/internal/container"
	"berth/internal/image"
	"berth/internal/image/budget"
)

// budgetPause is how often the disk is looked at: a look costs one system call.
const budgetPause = 20 * time.Second

// budgetValue is a flag's value.
type budgetValue budget.Budget

func (v *budgetValue) Set(s string) error {
	b, err := budget.Parse(s)
	*v = budgetValue(b)
	return err
}
func (v *budgetValue) Type() string { return "size or share" }
func (v *budgetValue) String() string {
	switch {
	case v.Bytes > 0:
		return strconv.FormatInt(v.Bytes, 10)
	case v.Percent > 0:
		return strconv.FormatFloat(v.Percent, 'g', -1, 64) + "%"
	}
	return ""
}

// keepBudget evicts unused images when there are more than the budget allows, until ctx is done. It never touches
// volumes, containers, or the images that they use.
func (d *Daemon) keepBudget(ctx context.Context) {
	if d.cfg.Images.Budget == (budget.Budget{}) {
		return
	}
	served := servedImages{d.images, d.containers, d.events.Publish}
	warned := false
	for {
		done, err := d.space.Evict(ctx, d.cfg.Images.Budget, served.users)
		for _, gone := range done.Removed {
			d.log.Info("the disk budget has made an image go", "image", nameOf(gone.Image), "id", gone.Image.ID, "budget", (*budgetValue)(&d.cfg.Images.Budget).String())
			served.removed(gone.Image, gone.Removals)
			served.tell("evict", nameOf(gone.Image), gone.Image)
		}
		switch {
		case err != nil && ctx.Err() == nil:
			d.log.Error("the disk budget: " + err.Error())
		case done.Short > 0 && !warned:
			d.warn("the disk budget of %s is exceeded by %d bytes, and no unused image is left that could go", (*budgetValue)(&d.cfg.Images.Budget).String(), done.Short)
		}
		warned = done.Short > 0
		select {
		case <-ctx.Done():
			return
		case <-time.After(budgetPause):
		}
	}
}

// nameOf is what people call an image: by its first name, or its ID when it has none.
func nameOf(img image.Image) string {
	if len(img.Names) > 0 {
		return familiar(img.Names[0])
	}
	return img.ID.String()
}

// users are the containers that an image is used by.
func (s servedImages) users(id digest.Digest) []image.Use {
	var uses []image.Use
	for _, u := range container.Users(s.containers, id.String()) {
		uses = append(uses, image.Use{ContainerID: u.ID, Running: u.Running, Manifest: digest.Digest(u.Manifest)})
	}
	return uses
}
