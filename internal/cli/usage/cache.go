package usage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/internal/cli/format"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/build"
)

// Cache is a record of the builder's cache; its exported methods are the
// placeholders of --format.
type Cache struct {
	r     build.CacheRecord
	trunc bool
}

const rawCache = `build_cache_id: {{.ID}}
parent_id: {{.Parent}}
build_cache_type: {{.CacheType}}
description: {{.Description}}
created_at: {{.CreatedAt}}
created_since: {{.CreatedSince}}
last_used_at: {{.LastUsedAt}}
last_used_since: {{.LastUsedSince}}
usage_count: {{.UsageCount}}
in_use: {{.InUse}}
shared: {{.Shared}}
`

func cacheHeader() format.Header {
	return format.Header{
		"ID": "CACHE ID", "Parent": "PARENT", "CacheType": "CACHE TYPE", "Size": "SIZE", "CreatedSince": "CREATED",
		"LastUsedSince": "LAST USED", "UsageCount": "USAGE", "InUse": "IN USE", "Shared": "SHARED", "Description": "DESCRIPTION",
	}
}

// sorted puts the records that were never used first, then those used longest ago.
func sorted(list []build.CacheRecord) []build.CacheRecord {
	return slices.SortedFunc(slices.Values(list), func(a, b build.CacheRecord) int {
		x, y := usedAt(a), usedAt(b)
		return cmp.Or(x.Compare(y), cmp.Compare(a.ID, b.ID))
	})
}

func usedAt(r build.CacheRecord) time.Time {
	if r.LastUsedAt == nil {
		return time.Time{}
	}
	return *r.LastUsedAt
}

// MarshalJSON shows all placeholders.
func (c *Cache) MarshalJSON() ([]byte, error) { return format.JSON(c) }

func (c *Cache) ID() string {
	id := c.r.ID
	if c.trunc {
		id = format.ShortID(id)
	}
	if c.r.InUse {
		id += "*"
	}
	return id
}

func (c *Cache) Parent() string {
	parents := strings.Join(c.r.Parents, ", ")
	if c.trunc {
		return format.ShortID(parents)
	}
	return parents
}

func (c *Cache) CacheType() string   { return c.r.Type }
func (c *Cache) Description() string { return c.r.Description }
func (c *Cache) Size() string        { return units.HumanSizeWithPrecision(float64(c.r.Size), 3) }
func (c *Cache) CreatedAt() string   { return c.r.CreatedAt.String() }
func (c *Cache) UsageCount() string  { return fmt.Sprint(c.r.UsageCount) }
func (c *Cache) InUse() string       { return fmt.Sprint(c.r.InUse) }
func (c *Cache) Shared() string      { return fmt.Sprint(c.r.Shared) }

func (c *Cache) CreatedSince() string { return ago(c.r.CreatedAt) }

func (c *Cache) LastUsedAt() string {
	if c.r.LastUsedAt == nil {
		return ""
	}
	return c.r.LastUsedAt.String()
}

func (c *Cache) LastUsedSince() string {
	if c.r.LastUsedAt == nil {
		return ""
	}
	return ago(*c.r.LastUsedAt)
}

func ago(t time.Time) string { return units.HumanDuration(time.Since(t)) + " ago" }
