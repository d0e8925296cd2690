package server

import (
	"io"
	"net/http"
	"strconv"

	"berth/internal/image"
	"berth/internal/server/compat"

	"github.com/opencontainers/go-digest"
)

// save answers with an archive of one image, or of all that the query names.
func (r imageRoutes) save(c *call) error {
	names := c.query["names"]
	if c.name != "" {
		names = []string{c.name}
	}
	wanted, err := c.platforms("platform", compat.SavePlatforms)
	if err != nil {
		return err
	}
	return c.tar("application/x-tar", func(begin func() io.Writer) error {
		return r.store.Save(c.r.Context(), image.SaveOptions{
			Names: names, Platforms: wanted,
			Begin: func(size int64, _ []digest.Digest) io.Writer {
				c.w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
				return begin()
			},
		})
	})
}

// protect keeps an image from prunes and from the disk budget; berth's own, as is unprotect.
func (r imageRoutes) protect(c *call) error { return r.setProtected(c, true) }

func (r imageRoutes) unprotect(c *call) error { return r.setProtected(c, false) }

func (r imageRoutes) setProtected(c *call, protected bool) error {
	_, err := r.store.Protect(c.r.Context(), c.name, protected)
	if err == nil {
		c.w.WriteHeader(http.StatusNoContent)
	}
	return err
}
