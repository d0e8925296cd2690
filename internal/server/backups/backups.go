// Package backups has the handlers of what carries volumes out of the engine and into it. All of them are berth's own.
package backups

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"berth/internal/backup"
	"berth/internal/fault"
	"berth/internal/remote"
	"berth/internal/server/progress"
	"berth/internal/server/show"
	store "berth/internal/volume"

	"github.com/moby/moby/api/types/jsonstream"
)

// Backups is what the border needs to carry volumes out of the engine and into it.
type Backups interface {
	Backup(ctx context.Context, name string, to backup.Spot, tell backup.Tell) (backup.Backup, error)
	Restore(ctx context.Context, from backup.Spot, name string, replace bool, tell backup.Tell) (backup.Backup, error)
	List(ctx context.Context, at backup.Spot) ([]backup.Backup, error)
	Prune(ctx context.Context, at backup.Spot, keep int) (backup.Pruned, error)
	Export(ctx context.Context, name string, begin func() io.Writer) error
	Import(ctx context.Context, r store.Request, from io.Reader, replace bool) (store.Volume, error)
}

// Request is one for the handlers.
type Request struct {
	W    http.ResponseWriter
	R    *http.Request
	Name string             // of the volume
	Who  remote.Credentials // at the registry of the place
	// Tar answers with what produce writes.
	Tar func(kind string, produce func(begin func() io.Writer) error) error
	// JSON answers with a value.
	JSON func(status int, v any)
	// Replace tells whether what is in a volume may be replaced.
	Replace bool
}

func (r Request) get(parameter string) string { return r.R.URL.Query().Get(parameter) }

// spot is the place that a request names.
func (r Request) spot(parameter string) (backup.Spot, error) {
	address := r.get(parameter)
	if address == "" {
		return backup.Spot{}, fault.New(fault.Invalid, "a place for backups is needed: the parameter %s", parameter)
	}
	return backup.Spot{Address: address, Who: r.Who}, nil
}

// Routes are the handlers.
type Routes struct{ Backups Backups }

// Make makes a backup of a volume.
func (x Routes) Make(r Request) error {
	to, err := r.spot("to")
	if err != nil {
		return err
	}
	out := progress.New(r.W)
	made, err := x.Backups.Backup(r.R.Context(), r.Name, to, tell(out))
	return finish(out, made, err)
}

// Restore makes a volume of a backup.
func (x Routes) Restore(r Request) error {
	from, err := r.spot("from")
	if err != nil {
		return err
	}
	out := progress.New(r.W)
	made, err := x.Backups.Restore(r.R.Context(), from, r.get("name"), r.Replace, tell(out))
	return finish(out, made, err)
}

func tell(out *progress.Stream) backup.Tell {
	return func(p backup.Progress) {
		out.Send(jsonstream.Message{ID: p.ID, Status: p.Status, Progress: &jsonstream.Progress{Current: p.Current, Total: p.Total}})
	}
}

// finish ends a stream: with the backup, for programs, or with an error.
func finish(out *progress.Stream, b backup.Backup, err error) error {
	if err == nil {
		out.Send(progress.Aux(shown(b)))
	}
	return out.Finish(err)
}

// List lists the backups in a place.
func (x Routes) List(r Request) error {
	at, err := r.spot("at")
	if err != nil {
		return err
	}
	list, err := x.Backups.List(r.R.Context(), at)
	if err != nil {
		return err
	}
	out := make([]Backup, len(list))
	for i, b := range list {
		out[i] = shown(b)
	}
	r.JSON(http.StatusOK, out)
	return nil
}

// Prune removes backups from a place.
func (x Routes) Prune(r Request) error {
	at, err := r.spot("at")
	if err != nil {
		return err
	}
	keep, err := strconv.Atoi(r.get("keep"))
	if err != nil {
		return fault.New(fault.Invalid, "how many backups are kept is a number, not %s", fault.Quoted(r.get("keep")))
	}
	gone, err := x.Backups.Prune(r.R.Context(), at, keep)
	if err != nil {
		return err
	}
	r.JSON(http.StatusOK, struct {
		BackupsDeleted []string
		SpaceReclaimed int64
	}{gone.Tags, gone.Bytes})
	return nil
}

// Export streams a volume's files.
func (x Routes) Export(r Request) error {
	return r.Tar("application/x-tar", func(begin func() io.Writer) error { return x.Backups.Export(r.R.Context(), r.Name, begin) })
}

// Import makes a volume of the body.
func (x Routes) Import(r Request) error {
	v, err := x.Backups.Import(r.R.Context(), store.Request{Name: r.Name}, r.R.Body, r.Replace)
	if err == nil {
		r.JSON(http.StatusCreated, show.Volume(v))
	}
	return err
}

// Backup is one in an answer.
type Backup struct {
	Tag, Digest string            `json:",omitempty"`
	Volume      string            // the name
	Labels      map[string]string `json:",omitempty"`
	CreatedAt   time.Time
	Size        int64  // bytes in the files
	PackedSize  int64  // bytes of its blobs, which it may share with other backups
	SentSize    int64  `json:",omitempty"` // bytes that were not there before, of one that was just made
	Entries     int    // files, directories and all else
	Problem     string `json:",omitempty"` // why it cannot be restored
}

func shown(b backup.Backup) Backup {
	return Backup{
		Tag: b.Tag, Digest: b.Target.Digest.String(), Volume: b.Volume.Name, Labels: b.Volume.Labels, CreatedAt: b.Created,
		Size: b.Size, PackedSize: b.Packed, SentSize: b.Sent, Entries: b.Entries, Problem: b.Problem,
	}
}
