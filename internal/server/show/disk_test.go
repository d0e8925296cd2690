package show

import (
	"encoding/json"
	"testing"

	"berth/internal/image"
	"berth/internal/server/compat"

	wire "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/volume"
	"github.com/opencontainers/go-digest"
)

// twoImages is two images over one base, the first with a running container and
// another one that has ended, and two volumes.
func twoImages() *DiskUsage {
	img := func(id string, own int64) image.Image {
		return image.Image{ID: digest.Digest(id), Size: 100 + own, Parts: map[digest.Digest]int64{"base": 100, digest.Digest("own " + id): own}}
	}
	return &DiskUsage{
		Images: []image.Image{img("a", 10), img("b", 20)}, Users: map[string]int64{"a": 2},
		Containers:    []DiskContainer{{wire.Summary{ID: "up", SizeRw: 5}, true}, {wire.Summary{ID: "down", SizeRw: 7}, false}},
		HasContainers: true,
		Volumes: []volume.Volume{
			{Name: "used", UsageData: &volume.UsageData{RefCount: 1, Size: 3}}, {Name: "free", UsageData: &volume.UsageData{Size: 4}},
		},
		HasVolumes: true, Caches: true,
	}
}

// answered is an answer as a client reads it.
func answered(t *testing.T, u *DiskUsage, f DiskForm) map[string]any {
	t.Helper()
	b, err := json.Marshal(u.Show(f))
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWhatImagesShareIsCountedOnceAndFreeOnlyWhenNobodyUsesIt(t *testing.T) {
	m := answered(t, twoImages(), DiskForm{Version: 52})
	for part, want := range map[string]map[string]any{
		"ImageUsage":      {"TotalCount": 2.0, "ActiveCount": 1.0, "TotalSize": 130.0, "Reclaimable": 20.0},
		"ContainerUsage":  {"TotalCount": 2.0, "ActiveCount": 1.0, "TotalSize": 12.0, "Reclaimable": 7.0},
		"VolumeUsage":     {"TotalCount": 2.0, "ActiveCount": 1.0, "TotalSize": 7.0, "Reclaimable": 4.0},
		"BuildCacheUsage": {},
	} {
		got, _ := m[part].(map[string]any)
		for key, value := range want {
			if got[key] != value {
				t.Errorf("%s: %v", part, got)
			}
		}
		if got == nil || got["Items"] != nil {
			t.Errorf("%s: %v", part, got)
		}
	}
	if len(m) != 4 {
		t.Error(m)
	}
}

func TestOldClientsGetListsAndNewOnesBothUntilTheyChoose(t *testing.T) {
	old := answered(t, twoImages(), DiskForm{Version: 41, Legacy: true, Verbose: true})
	if old["LayersSize"] != 130.0 || len(old["Images"].([]any)) != 2 || len(old["Containers"].([]any)) != 2 || len(old["Volumes"].([]any)) != 2 || old["BuilderSize"] != 0.0 || old["ImageUsage"] != nil {
		t.Error(old)
	}
	first := old["Images"].([]any)[0].(map[string]any)
	if first["SharedSize"] != 100.0 || first["Containers"] != 2.0 || first["VirtualSize"] != 110.0 {
		t.Error(first)
	}
	both := answered(t, twoImages(), DiskForm{Version: compat.Max, Legacy: true, Verbose: true})
	if both["LayersSize"] != 130.0 || both["ImageUsage"] == nil || both["BuilderSize"] != nil {
		t.Error(both)
	}
	chosen := answered(t, twoImages(), DiskForm{Version: compat.Max, Verbose: true})
	if chosen["Images"] != nil || len(chosen["ImageUsage"].(map[string]any)["Items"].([]any)) != 2 || len(chosen["VolumeUsage"].(map[string]any)["Items"].([]any)) != 2 {
		t.Error(chosen)
	}
}

func TestOnlyWhatIsAskedForIsShown(t *testing.T) {
	m := answered(t, &DiskUsage{HasVolumes: true}, DiskForm{Version: 45, Legacy: true, Verbose: true})
	if len(m) != 1 || len(m["Volumes"].([]any)) != 0 {
		t.Error(m)
	}
}
