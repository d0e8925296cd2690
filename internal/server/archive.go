package server

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"

	"berth/internal/archive"
	"berth/internal/container/files"
	"berth/internal/fault"

	wire "github.com/moby/moby/api/types/container"
)

// fileRoutes are the handlers of what goes in and out of containers' file systems.
type fileRoutes struct{ files Files }

// pathStat is the header that tells what a path of a container is.
const pathStat = "X-Docker-Container-Path-Stat"

func (c *call) path() (string, error) {
	name := c.query.Get("path")
	if name == "" {
		return "", fault.New(fault.Invalid, "bad parameter: pathcannot be empty") // as Docker writes it
	}
	return name, nil
}

// stat answers HEAD: there is no body, and the error of a missing file has none either.
func (r fileRoutes) stat(c *call) error {
	name, err := c.path()
	if err != nil {
		return err
	}
	st, err := r.files.StatPath(c.r.Context(), c.name, name)
	if err != nil {
		return err
	}
	return c.setPathStat(st)
}

func (c *call) setPathStat(st archive.Stat) error {
	text, err := json.Marshal(wire.PathStat{Name: st.Name, Size: st.Size, Mode: st.Mode, Mtime: st.Mtime, LinkTarget: st.LinkTarget})
	if err != nil { // the time of a file in the year 10000, which JSON does not have
		return fault.Wrap(fault.Internal, err, "the file cannot be described")
	}
	c.w.Header().Set(pathStat, base64.StdEncoding.EncodeToString(text))
	return nil
}

// get streams a path of a container. What fails once it has begun can only cut the stream off.
func (r fileRoutes) get(c *call) error {
	name, err := c.path()
	if err != nil {
		return err
	}
	return c.tar("application/x-tar", func(begin func() io.Writer) error {
		return r.files.CopyOut(c.r.Context(), c.name, name, func(st archive.Stat) (io.Writer, error) {
			if err := c.setPathStat(st); err != nil {
				return nil, err
			}
			return begin(), nil
		})
	})
}

// export streams the whole file system of a container.
func (r fileRoutes) export(c *call) error {
	return c.tar("application/octet-stream", func(begin func() io.Writer) error {
		return r.files.Export(c.r.Context(), c.name, begin)
	})
}

// tar answers with what produce writes. An orderly end would read as a whole archive: so an error after
// the beginning cuts the connection.
func (c *call) tar(kind string, produce func(begin func() io.Writer) error) error {
	begun := false
	err := produce(func() io.Writer {
		begun = true
		c.w.Header().Set("Content-Type", kind)
		c.w.WriteHeader(http.StatusOK)
		return c.w
	})
	if err != nil && begun {
		panic(http.ErrAbortHandler)
	}
	return err
}

// put takes an archive into a directory of a container.
func (r fileRoutes) put(c *call) error {
	name, err := c.path()
	if err != nil {
		return err
	}
	return r.files.CopyIn(c.r.Context(), c.name, name, c.r.Body, files.CopyInOptions{
		NoOverwriteDirNonDir: c.flag("noOverwriteDirNonDir"), CopyUIDGID: c.flag("copyUIDGID"),
	})
}

// changes answers null when nothing has changed, as Docker does.
func (r fileRoutes) changes(c *call) error {
	list, err := r.files.Changes(c.r.Context(), c.name)
	if err != nil {
		return err
	}
	var out []wire.FilesystemChange
	for _, ch := range list {
		out = append(out, wire.FilesystemChange{Path: ch.Path, Kind: wire.ChangeType(ch.Kind)})
	}
	return c.json(out, nil)
}
