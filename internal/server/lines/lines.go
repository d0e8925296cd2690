// Package lines keeps how the containers of a list were last sent.
package lines

import (
	"bytes"
	"encoding/json"
	"sync"

	"berth/internal/container"
	"berth/internal/container/health"
)

// Cache is the containers of a list as they were last sent. Dashboards and scripts ask again and
// again, and between two answers hardly a container changes: what is made once is copied until it does.
type Cache struct {
	mu   sync.RWMutex
	byID map[string]line
}

// New returns a cache that holds nothing.
func New() *Cache { return &Cache{byID: map[string]line{}} }

// line is one container in JSON.
type line struct {
	of   Look
	json []byte // never changed
}

// Look is everything that decides how a container's line reads, next to its ID.
type Look struct {
	Revision uint64        // of its snapshot
	Health   *health.State // a verdict makes a new one
	Status   string        // "Up 5 minutes": moves with the clock
	Image    string
	Probed   bool // whether the API's version shows health
}

// Render returns a container's line. make is asked when it reads otherwise than last time; a
// snapshot without a revision is always made.
func (l *Cache) Render(id string, of Look, make func() any) ([]byte, error) {
	l.mu.RLock()
	known, ok := l.byID[id]
	l.mu.RUnlock()
	if ok && known.of == of && of.Revision != 0 {
		return known.json, nil
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(make()); err != nil {
		return nil, err
	}
	made := bytes.TrimSuffix(text.Bytes(), []byte("\n"))
	if of.Revision != 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.byID[id] = line{of, made}
	}
	return made, nil
}

// Forget drops the lines of containers that are gone, once they are as many as those that are there.
func (l *Cache) Forget(present []container.Container) {
	l.mu.RLock()
	many := len(l.byID) > 2*len(present)+spareLines
	l.mu.RUnlock()
	if !many {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := map[string]line{}
	for i := range present {
		if known, ok := l.byID[present[i].ID]; ok {
			kept[present[i].ID] = known
		}
	}
	l.byID = kept
}

// spareLines is how many lines may outlive their containers on a machine that has few.
const spareLines = 64
