package image

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/cli/format"
	"berth/internal/cli/imageref"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/image"
)

const none = "<none>"

// Header names the columns of a list of images.
func Header() format.Header {
	return format.Header{
		"ID": "IMAGE ID", "Repository": "REPOSITORY", "Tag": "TAG", "Digest": "DIGEST",
		"CreatedSince": "CREATED", "CreatedAt": "CREATED AT", "Size": "SIZE",
		"Containers": "CONTAINERS", "SharedSize": "SHARED SIZE", "UniqueSize": "UNIQUE SIZE",
	}
}

// Row is one name of an image in a list; its exported methods are the
// placeholders of --format.
type Row struct {
	i                 image.Summary
	trunc             bool
	repo, tag, digest string
}

func needsDigests(text string, digests bool) bool {
	return digests || strings.Contains(text, "{{.Digest}}")
}

// expand makes a row of every name of an image. With digests every digest of a
// tag has its own row; digestRows also gives rows to digests without a tag.
func expand(img image.Summary, digests, digestRows, trunc bool) []*Row {
	row := func(repo, tag, digest string) *Row {
		return &Row{i: img, trunc: trunc, repo: repo, tag: tag, digest: digest}
	}
	tagged, digested := names(img.RepoTags, false), names(img.RepoDigests, true)
	if len(tagged) == 0 && len(digested) == 0 {
		return []*Row{row(none, none, none)}
	}
	var rows []*Row
	for _, repo := range slices.Sorted(maps.Keys(tagged)) {
		of := digested[repo]
		delete(digested, repo)
		if !digests || len(of) == 0 {
			of = []string{none}
		}
		for _, tag := range tagged[repo] {
			for _, d := range of {
				rows = append(rows, row(repo, tag, d))
			}
		}
	}
	for _, repo := range slices.Sorted(maps.Keys(digested)) {
		of := []string{""}
		if digestRows {
			of = digested[repo]
		}
		for _, d := range of {
			rows = append(rows, row(repo, none, d))
		}
	}
	return rows
}

// FirstName is the row of an image under its first name, or nil when that is
// not a name.
func FirstName(img image.Summary, trunc bool) *Row {
	row := &Row{i: img, trunc: trunc, repo: none, tag: none}
	if len(img.RepoTags) == 0 || img.RepoTags[0] == none+":"+none {
		return row
	}
	ref, err := imageref.Parse(img.RepoTags[0])
	if err != nil {
		return nil
	}
	row.repo, row.tag = ref.FamiliarName(), ref.Tag
	return row
}

// names sorts tags or digests by repository. Names such as <none>:<none> are no names.
func names(refs []string, digests bool) map[string][]string {
	out := map[string][]string{}
	for _, s := range refs {
		ref, err := imageref.Parse(s)
		value := ref.Tag
		if digests {
			value = ref.Digest
		}
		if err != nil || value == "" {
			continue
		}
		out[ref.FamiliarName()] = append(out[ref.FamiliarName()], value)
	}
	return out
}

// MarshalJSON shows all placeholders.
func (r *Row) MarshalJSON() ([]byte, error) { return format.JSON(r) }

func (r *Row) ID() string {
	if r.trunc {
		return format.ShortID(r.i.ID)
	}
	return r.i.ID
}

func (r *Row) Repository() string { return r.repo }
func (r *Row) Tag() string        { return r.tag }
func (r *Row) Digest() string     { return r.digest }

func (r *Row) CreatedSince() string {
	return units.HumanDuration(time.Since(time.Unix(r.i.Created, 0))) + " ago"
}

func (r *Row) CreatedAt() string { return time.Unix(r.i.Created, 0).String() }
func (r *Row) Size() string      { return units.HumanSizeWithPrecision(float64(r.i.Size), 3) }

func (r *Row) Containers() string {
	if r.i.Containers == -1 {
		return "N/A"
	}
	return strconv.FormatInt(r.i.Containers, 10)
}

func (r *Row) SharedSize() string {
	if r.i.SharedSize == -1 {
		return "N/A"
	}
	return units.HumanSize(float64(r.i.SharedSize))
}

func (r *Row) UniqueSize() string {
	if r.i.Size == -1 || r.i.SharedSize == -1 {
		return "N/A"
	}
	return units.HumanSize(float64(r.i.Size - r.i.SharedSize))
}
