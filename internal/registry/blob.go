package registry

import (
	"net/http"
	"strconv"
	"time"

	"berth/internal/registry/grammar"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// getBlob sends a blob or parts of it. http.ServeContent reads ranges and
// conditions; an *os.File goes out by sendfile.
func (f reads) getBlob(w http.ResponseWriter, r request) error {
	d, err := grammar.Digest(r.Rest)
	if err != nil {
		return err
	}
	b, err := f.content.Blob(r.Context(), r.Repo, d)
	if err != nil {
		return err
	}
	defer b.Content.Close()
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Docker-Content-Digest", d.String())
	h.Set("ETag", `"`+d.String()+`"`)
	h.Set("Cache-Control", "max-age=31536000, immutable")
	http.ServeContent(w, r.Request, "", time.Time{}, b.Content)
	return nil
}

func (c changes) deleteBlob(w http.ResponseWriter, r request) error {
	d, err := grammar.Digest(r.Rest)
	if err != nil {
		return err
	}
	if err := c.to.DeleteBlob(r.Context(), r.Repo, d); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}
