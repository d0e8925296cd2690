package registry

import (
	"encoding/json"
	"net/http"
	"net/url"

	"berth/internal/registry/grammar"
)

const (
	// catalogLimit is how many repositories one answer has, unless fewer are asked for.
	catalogLimit = 1000
	// referrersLimit is about how large one answer of referrers is: as a manifest.
	referrersLimit = manifestLimit
)

func (f reads) catalog(w http.ResponseWriter, r request) error {
	p, err := grammar.ParsePage(r.URL.Query(), catalogLimit)
	if err != nil {
		return err
	}
	all, err := f.content.Repositories(r.Context())
	if err != nil {
		return err
	}
	page, more := p.Cut(all)
	if more {
		w.Header().Set("Link", p.Next("/v2/_catalog", page[len(page)-1], nil))
	}
	writeJSON(w, http.StatusOK, "application/json", map[string][]string{"repositories": listed(page)})
	return nil
}

func (f reads) tags(w http.ResponseWriter, r request) error {
	p, err := grammar.ParsePage(r.URL.Query(), 0)
	if err != nil {
		return err
	}
	all, err := f.content.Tags(r.Context(), r.Repo)
	if err != nil {
		return err
	}
	page, more := p.Cut(all)
	if more {
		w.Header().Set("Link", p.Next("/v2/"+r.Repo+"/tags/list", page[len(page)-1], nil))
	}
	writeJSON(w, http.StatusOK, "application/json", struct {
		Name string   `json:"name"`
		Tags []string `json:"tags"`
	}{r.Repo, listed(page)})
	return nil
}

// listed makes [] of an empty list rather than null.
func listed(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// referrers answers an index of the manifests with a subject; of one that is not
// there, or not there yet, it is as good as of any.
func (f reads) referrers(w http.ResponseWriter, r request) error {
	subject, err := grammar.Digest(r.Rest)
	if err != nil {
		return err
	}
	all, err := f.content.Referrers(r.Context(), r.Repo, subject)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	filter := q.Get("artifactType")
	page, next := selectReferrers(all, filter, q.Get("last"), referrersLimit)
	if filter != "" {
		w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	if next != "" {
		more := url.Values{}
		if filter != "" {
			more.Set("artifactType", filter)
		}
		w.Header().Set("Link", grammar.Page{N: -1}.Next("/v2/"+r.Repo+"/referrers/"+subject.String(), next, more))
	}
	writeJSON(w, http.StatusOK, grammar.OCIIndex, struct {
		SchemaVersion int                  `json:"schemaVersion"`
		MediaType     string               `json:"mediaType"`
		Manifests     []grammar.Descriptor `json:"manifests"`
	}{2, grammar.OCIIndex, page})
	return nil
}

// selectReferrers takes those of a type that come after last, as many as limit
// bytes have room for and one at least, and the digest of the last of them if there are more.
func selectReferrers(all []grammar.Descriptor, filter, last string, limit int) (page []grammar.Descriptor, next string) {
	page = []grammar.Descriptor{}
	size, skip := 0, last != ""
	for _, d := range all {
		if skip {
			skip = d.Digest.String() != last
			continue
		}
		if filter != "" && d.ArtifactType != filter {
			continue
		}
		b, err := json.Marshal(d)
		if err != nil {
			continue // of our own types
		}
		if size += len(b); size > limit && len(page) > 0 {
			return page, page[len(page)-1].Digest.String()
		}
		page = append(page, d)
	}
	return page, ""
}
