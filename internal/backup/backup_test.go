//go:build linux

package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"berth/internal/backup/place"
	"berth/internal/fault"
	"berth/internal/registry"
	"berth/internal/registry/store"
	"berth/internal/remote"

	containerdlog "github.com/containerd/log"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if err := containerdlog.SetLevel("error"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func noise(seed byte, size int) []byte {
	p := make([]byte, size)
	src := rand.NewChaCha8([32]byte{seed})
	src.Read(p)
	return p
}

// lab is a place for backups, and what was sent there.
type lab struct {
	*Service
	spot Spot
	puts atomic.Int64 // bytes that came
	// fails is how many bytes may come before the next blob is refused; 0 for any number.
	fails atomic.Int64
	dir   string // where its blobs are
}

// places are one of each kind.
func places(t *testing.T, try func(t *testing.T, l *lab)) {
	t.Run("in a directory", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "backups")
		try(t, &lab{Service: New(nil, t.TempDir()), spot: Spot{Address: dir}, dir: dir})
	})
	t.Run("in a registry", func(t *testing.T) { try(t, inRegistry(t)) })
}

func inRegistry(t *testing.T) *lab {
	root := t.TempDir()
	s, err := store.Open(root, store.Options{Grace: time.Hour})
	must(t, err)
	t.Cleanup(func() { s.Close() })
	l := &lab{dir: root}
	api := registry.New(registry.Options{Content: s, Intake: s, Changes: s, Failed: func(_ *http.Request, err error) { t.Log(err) }})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			if limit := l.fails.Load(); limit > 0 && l.puts.Add(r.ContentLength) > limit {
				http.Error(w, `{"errors":[{"code":"DENIED","message":"the disk is full"}]}`, http.StatusForbidden)
				return
			}
		}
		api.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	l.Service = New(remote.New(remote.Config{Agent: "test", Retry: remote.Retry{Attempts: 2, Pause: time.Millisecond}}), t.TempDir())
	l.spot = Spot{Address: strings.TrimPrefix(server.URL, "http://") + "/backups/of-volumes"}
	return l
}

// of is a directory as a volume.
func of(name, dir string) Subject {
	return Subject{
		Volume: Volume{Name: name, Created: time.Unix(1e9, 0).UTC(), Labels: map[string]string{"a": "b"}},
		Live: func() (*os.File, func(), error) {
			f, err := os.Open(dir)
			return f, func() { f.Close() }, err
		},
		Frozen: func(_ context.Context, do func(*os.File) error) error {
			f, err := os.Open(dir)
			if err != nil {
				return err
			}
			defer f.Close()
			return do(f)
		},
	}
}

func quiet(Progress) {}

func (l *lab) make(t *testing.T, name, dir string) Backup {
	t.Helper()
	b, err := l.Make(context.Background(), of(name, dir), l.spot, quiet)
	must(t, err)
	return b
}

// restore restores to a new directory, which is removed again when that fails.
func (l *lab) restore(t *testing.T, tag, name string) (dir string, b Backup, err error) {
	t.Helper()
	dir = t.TempDir()
	from := l.spot
	if tag != "" {
		from.Address += ":" + tag
	}
	b, err = l.Restore(context.Background(), from, name, func(_ Volume, fill func(*os.File) error) error {
		f, err := os.Open(dir)
		must(t, err)
		defer f.Close()
		return fill(f)
	}, quiet)
	return dir, b, err
}

func same(t *testing.T, a, b string, names ...string) {
	t.Helper()
	for _, name := range names {
		x, err := os.ReadFile(filepath.Join(a, name))
		must(t, err)
		y, err := os.ReadFile(filepath.Join(b, name))
		if err != nil || !bytes.Equal(x, y) {
			t.Errorf("%s is another: %d bytes, want %d: %v", name, len(y), len(x), err)
		}
	}
}

func TestABackupComesBackAndALaterOneSendsWhatIsNew(t *testing.T) {
	places(t, func(t *testing.T, l *lab) {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, "large"), noise(1, 20<<20), 0o600))
		must(t, os.WriteFile(filepath.Join(dir, "text"), bytes.Repeat([]byte("text "), 1<<20), 0o600))
		must(t, os.Mkdir(filepath.Join(dir, "sub"), 0o750))
		must(t, os.WriteFile(filepath.Join(dir, "sub/small"), []byte("small"), 0o600))
		must(t, unix.Setxattr(filepath.Join(dir, "sub"), "user.a", []byte("b"), 0))
		first := l.make(t, "data", dir)
		if first.Size != 20<<20+5<<20+5 || first.Packed > 21<<20 {
			t.Errorf("a backup of %d bytes has %d", first.Size, first.Packed)
		}
		before := diskUsage(t, l.dir)
		f, err := os.OpenFile(filepath.Join(dir, "large"), os.O_WRONLY, 0)
		must(t, err)
		_, err = f.WriteAt([]byte("changed"), 10<<20)
		must(t, err)
		must(t, f.Close())
		second := l.make(t, "data", dir)
		if grown := diskUsage(t, l.dir) - before; grown > 9<<20 || grown < 100<<10 {
			t.Errorf("the second backup takes %d bytes", grown)
		}
		other := t.TempDir()
		must(t, os.WriteFile(filepath.Join(other, "x"), []byte("x"), 0o600))
		l.make(t, "other", other)

		back, b, err := l.restore(t, "data", "")
		must(t, err)
		if b.Tag != second.Tag || b.Volume.Name != "data" || b.Volume.Labels["a"] != "b" {
			t.Errorf("the latest backup is %+v", b)
		}
		same(t, dir, back, "large", "text", "sub/small")
		must(t, os.WriteFile(filepath.Join(dir, "large"), noise(1, 20<<20), 0o600))
		back, _, err = l.restore(t, first.Tag, "")
		must(t, err)
		same(t, dir, back, "large", "text", "sub/small")
		if _, _, err := l.restore(t, "", "nobody"); err == nil || !strings.Contains(err.Error(), "after a colon: data, other") {
			t.Errorf("which volume is not said: %v", err)
		}
		list, err := l.List(context.Background(), l.spot)
		must(t, err)
		if len(list) != 3 || list[0].Tag != first.Tag || list[2].Volume.Name != "other" {
			t.Errorf("the backups are %+v", list)
		}
	})
}

func diskUsage(t *testing.T, dir string) (total int64) {
	must(t, filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
		return nil
	}))
	return total
}

func TestAVolumeThatNobodyWritesToIsNotCopiedAndItsUnchangedFilesAreNotReadAgain(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "f"), noise(1, 1<<20), 0o600))
	sub := of("data", dir)
	sub.Frozen = func(context.Context, func(*os.File) error) error {
		t.Error("somebody is stopped, and nobody writes")
		return nil
	}
	l := &lab{Service: New(nil, t.TempDir()), spot: Spot{Address: filepath.Join(t.TempDir(), "b")}}
	_, err := l.Make(context.Background(), sub, l.spot, quiet)
	must(t, err)
	changing := of("data", dir)
	copied := false
	live, frozen := changing.Live, changing.Frozen
	changing.Live = func() (*os.File, func(), error) {
		stop, done := make(chan bool), make(chan bool)
		go func() {
			defer close(done)
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					if err := os.WriteFile(filepath.Join(dir, "g"), fmt.Append(nil, i), 0o600); err != nil {
						t.Error(err)
					}
				}
			}
		}()
		f, shut, err := live()
		return f, func() { close(stop); <-done; shut() }, err
	}
	changing.Frozen = func(ctx context.Context, do func(*os.File) error) error { copied = true; return frozen(ctx, do) }
	_, err = l.Make(context.Background(), changing, l.spot, quiet)
	must(t, err)
	if !copied {
		t.Error("a volume that changes is taken as it is")
	}
}

func TestABackupThatWasBrokenOffGoesOnWithWhatHasArrived(t *testing.T) {
	l := inRegistry(t)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "large"), noise(1, 100<<20), 0o600))
	l.fails.Store(60 << 20)
	if _, err := l.Make(context.Background(), of("data", dir), l.spot, quiet); err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Fatalf("the backup ends with %v", err)
	}
	if list, err := l.List(context.Background(), l.spot); err != nil || len(list) > 0 {
		t.Errorf("half a backup is listed: %+v, %v", list, err)
	}
	l.fails.Store(1 << 40)
	l.puts.Store(0)
	l.make(t, "data", dir)
	if sent := l.puts.Load(); sent > 75<<20 {
		t.Errorf("%d bytes are sent again", sent)
	}
	back, _, err := l.restore(t, "", "")
	must(t, err)
	same(t, dir, back, "large")
}

func TestABackupThatIsCorruptIsNotRestored(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "f"), noise(1, 3<<20), 0o600))
	l := &lab{Service: New(nil, t.TempDir()), spot: Spot{Address: filepath.Join(t.TempDir(), "b")}}
	l.make(t, "data", dir)
	files, err := filepath.Glob(filepath.Join(l.spot.Address, "blobs/sha256/*"))
	must(t, err)
	if len(files) != 5 {
		t.Fatalf("the backup has %d blobs", len(files))
	}
	for _, file := range files {
		whole, err := os.ReadFile(file)
		must(t, err)
		flipped := slices.Clone(whole)
		flipped[len(flipped)/2] ^= 1
		for what, p := range map[string][]byte{"a flipped bit": flipped, "no end": whole[:len(whole)-1], "too much": append(slices.Clone(whole), 0), "nothing": nil} {
			must(t, os.RemoveAll(file))
			if p != nil {
				must(t, os.WriteFile(file, p, 0o600))
			}
			_, _, err := l.restore(t, "", "")
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "the backup data.") || strings.Count(err.Error(), "\n") > 0 {
				t.Errorf("%s in a blob of %d bytes: %v", what, len(whole), err)
			}
		}
		must(t, os.WriteFile(file, whole, 0o600))
	}
	_, _, err = l.restore(t, "", "")
	must(t, err)
}

func TestABackupBesideACorruptOneIsWhole(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "f"), noise(1, 3<<20), 0o600))
	l := &lab{Service: New(nil, t.TempDir()), spot: Spot{Address: filepath.Join(t.TempDir(), "b")}}
	l.make(t, "data", dir)
	files, err := filepath.Glob(filepath.Join(l.spot.Address, "blobs/sha256/*"))
	must(t, err)
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && info.Size() > 1<<20 {
			must(t, os.Truncate(file, 100))
		}
	}
	var said []string
	_, err = l.Make(context.Background(), of("data", dir), l.spot, func(p Progress) { said = append(said, p.Status) })
	must(t, err)
	if !strings.Contains(strings.Join(said, "\n"), "is of no use") {
		t.Errorf("nobody hears that the earlier backup is corrupt: %q", said)
	}
	back, _, err := l.restore(t, "", "")
	must(t, err)
	same(t, dir, back, "f")
}

func TestADirectoryThatIsSomethingElseIsNotMadeALayout(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "mine"), nil, 0o600))
	s := New(nil, t.TempDir())
	_, err := s.Make(context.Background(), of("data", t.TempDir()), Spot{Address: dir}, quiet)
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "neither empty nor an OCI layout") {
		t.Errorf("a backup into somebody's directory: %v", err)
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Errorf("there is %v", names)
	}
	for _, at := range []string{"", "./here", "..", "/nowhere", "a b"} {
		if _, err := s.List(context.Background(), Spot{Address: at}); err == nil {
			t.Errorf("%q is a place for backups", at)
		}
	}
}

func TestAnImageInTheLayoutStaysAndIsNoBackup(t *testing.T) {
	dir := t.TempDir()
	l := &lab{Service: New(nil, t.TempDir()), spot: Spot{Address: filepath.Join(t.TempDir(), "b")}}
	l.make(t, "data", dir)
	lay, err := place.OpenLayout(l.spot.Address, false, false)
	must(t, err)
	text, err := json.Marshal(ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, Config: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig}})
	must(t, err)
	must(t, lay.Tag(context.Background(), "image", place.Describe(ocispec.MediaTypeImageManifest, text), text))
	must(t, lay.Close())
	l.make(t, "data", dir)
	if list, err := l.List(context.Background(), l.spot); err != nil || len(list) != 2 {
		t.Errorf("there are %+v: %v", list, err)
	}
	if _, _, err := l.restore(t, "image", ""); err == nil || !strings.Contains(err.Error(), "no backup of a volume") {
		t.Errorf("an image is restored: %v", err)
	}
}

func TestNamesOfBackupsAreTagsAndTellTheVolume(t *testing.T) {
	at := time.Date(2026, 11, 28, 16, 5, 6, 7e6, time.UTC)
	for _, volume := range []string{"data", "a.b-c_d", strings.Repeat("x", 255), "v.20200101T000000.000Z"} {
		tag := place.TagOf(volume, at)
		got, is := place.IsOf(tag, volume)
		if !place.IsTag(tag) || !is || !got.Equal(at) {
			t.Errorf("the tag of %s is %s, at %v", volume, tag, got)
		}
	}
	if tag := place.TagOf("data", at); tag != "data.20261128T160506.007Z" {
		t.Errorf("a tag is %s", tag)
	}
	for _, tag := range []string{"data", "latest", ".20261128T160506.007Z", "data.20261328T160506.007Z", "data20261128T160506.007Z"} {
		if name, _, ok := place.Split(tag); ok {
			t.Errorf("%s is a backup of %q", tag, name)
		}
	}
}

func TestPacksEndSoThatAManifestCanNameThem(t *testing.T) {
	total, packs := int64(0), 0
	for size := 0; size < 20_000; size++ {
		total += int64(packLimit(packs))
		packs++
	}
	if total < 4<<40 {
		t.Errorf("%d packs have %d bytes", packs, total)
	}
	a := artifact{packs: make([]ocispec.Descriptor, 20_000)}
	for i := range a.packs {
		a.packs[i] = place.Describe(typePack, fmt.Append(nil, i))
		a.packs[i].Size = 256 << 20
	}
	if text, err := a.encode(Config{}); err != nil || len(text) > manifestLimit {
		t.Errorf("a manifest of so many packs has %d bytes: %v", len(text), err)
	}
}

func FuzzIndexesAreBelievedNothing(f *testing.F) {
	f.Add(encodeIndex([]packIndex{{{size: 5}}, {}})[len(indexMagic):])
	f.Fuzz(func(t *testing.T, p []byte) {
		packs, err := decodeIndex(append([]byte(indexMagic), p...))
		if err != nil {
			return
		}
		again, err := decodeIndex(encodeIndex(packs))
		if err != nil || fmt.Sprint(packs) != fmt.Sprint(again) {
			t.Errorf("an index is another one when it is encoded: %v", err)
		}
	})
}

func FuzzManifestsAreBelievedNothing(f *testing.F) {
	text, err := artifact{packs: []ocispec.Descriptor{place.Describe(typePack, nil)}}.encode(Config{})
	must(f, err)
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := parse(text)
		if err == nil && a.size() < 0 {
			t.Error("a backup has less than nothing")
		}
	})
}

func TestAPruneKeepsTheLastBackupsAndWhatOthersNeed(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(one, "f"), noise(1, 3<<20), 0o600))
	must(t, os.WriteFile(filepath.Join(two, "f"), noise(2, 1<<20), 0o600))
	l := &lab{Service: New(nil, t.TempDir()), spot: Spot{Address: filepath.Join(t.TempDir(), "b")}}
	first := l.make(t, "one", one)
	l.make(t, "two", two)
	lay, err := place.OpenLayout(l.spot.Address, false, false)
	must(t, err)
	config := []byte("{}")
	image, err := json.Marshal(ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, Config: place.Describe(ocispec.MediaTypeImageConfig, config)})
	must(t, err)
	_, err = lay.Put(context.Background(), place.Describe(ocispec.MediaTypeImageConfig, config), config)
	must(t, err)
	must(t, lay.Tag(context.Background(), "image", place.Describe(ocispec.MediaTypeImageManifest, image), image))
	must(t, lay.Close())
	must(t, os.WriteFile(filepath.Join(one, "f"), noise(3, 1<<20), 0o600))
	last := l.make(t, "one", one)
	before := diskUsage(t, l.spot.Address)
	gone, err := l.Prune(context.Background(), l.spot, 1)
	must(t, err)
	if !slices.Equal(gone.Tags, []string{first.Tag}) || gone.Bytes < 3<<20 || gone.Bytes > 4<<20 {
		t.Errorf("%+v is gone", gone)
	}
	if freed := before - diskUsage(t, l.spot.Address); freed < gone.Bytes {
		t.Errorf("%d bytes are said to be free, and %d are", gone.Bytes, freed)
	}
	for volume, dir := range map[string]string{last.Tag: one, "two": two} {
		back, _, err := l.restore(t, volume, "")
		must(t, err)
		same(t, dir, back, "f")
	}
	if lay, err = place.OpenLayout(l.spot.Address, false, false); err == nil {
		defer lay.Close()
		var there bool
		there, err = lay.Has(context.Background(), place.Describe(ocispec.MediaTypeImageConfig, config))
		if !there {
			t.Error("an image's config is gone")
		}
	}
	must(t, err)
	if _, err := l.Prune(context.Background(), l.spot, 0); !fault.Is(err, fault.Invalid) {
		t.Errorf("all backups are pruned: %v", err)
	}
}
