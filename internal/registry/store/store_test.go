package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"berth/internal/fault"
	"berth/internal/registry"
	"berth/internal/registry/grammar"
	"berth/internal/registry/refusal"

	"github.com/opencontainers/go-digest"
)

func opened(t *testing.T, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func push(t *testing.T, s *Store, repo, content string) digest.Digest {
	t.Helper()
	d := digest.FromString(content)
	if err := pushErr(t, s, repo, content, d); err != nil {
		t.Fatal(err)
	}
	return d
}

func pushErr(t *testing.T, s *Store, repo, content string, d digest.Digest) error {
	t.Helper()
	u, err := s.Begin(t.Context(), repo)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	if err := u.Append(strings.NewReader(content), d.Algorithm()); err != nil {
		return err
	}
	return u.Commit(d)
}

func manifestOf(t *testing.T, subject digest.Digest, tags []string, blobs ...digest.Digest) registry.Push {
	t.Helper()
	var layers []string
	for _, d := range blobs[1:] {
		layers = append(layers, fmt.Sprintf(`{"digest":%q,"size":1}`, d))
	}
	body := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"c","digest":%q,"size":1},"layers":[%s]`, blobs[0], strings.Join(layers, ","))
	if subject != "" {
		body += fmt.Sprintf(`,"subject":{"digest":%q,"size":1}`, subject)
	}
	p := registry.Push{Body: []byte(body + "}"), Tags: tags}
	p.Digest = digest.FromBytes(p.Body)
	var err error
	if p.Links, err = grammar.ReadLinks("", p.Body); err != nil {
		t.Fatal(err)
	}
	return p
}

func read(t *testing.T, s *Store, repo string, d digest.Digest) (string, error) {
	t.Helper()
	b, err := s.Blob(t.Context(), repo, d)
	if err != nil {
		return "", err
	}
	defer b.Content.Close()
	content, err := io.ReadAll(b.Content)
	return string(content), err
}

func TestABlobIsSeenOnlyWholeAndOnlyWhereItWasPushed(t *testing.T) {
	s := opened(t, t.TempDir(), Options{})
	d := push(t, s, "a", "content")
	if got, err := read(t, s, "a", d); got != "content" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := read(t, s, "b", d); !refusal.Is(err, refusal.BlobUnknown) {
		t.Errorf("another repository has it too: %v", err)
	}
	if err := s.Mount(t.Context(), "b", "c", d); !refusal.Is(err, refusal.BlobUnknown) {
		t.Errorf("it was mounted from a repository that has not got it: %v", err)
	}
	if err := s.Mount(t.Context(), "b", "a", d); err != nil {
		t.Fatal(err)
	}
	if got, err := read(t, s, "b", d); got != "content" || err != nil {
		t.Errorf("mounted: %q, %v", got, err)
	}
	if err := s.DeleteBlob(t.Context(), "a", d); err != nil {
		t.Fatal(err)
	}
	if _, err := read(t, s, "a", d); !refusal.Is(err, refusal.BlobUnknown) {
		t.Errorf("it is there after its deletion: %v", err)
	}
	if got, err := read(t, s, "b", d); got != "content" || err != nil {
		t.Errorf("the deletion in another repository: %q, %v", got, err)
	}
}

func TestContentThatIsNotItsDigestIsThrownAway(t *testing.T) {
	s := opened(t, t.TempDir(), Options{})
	for _, a := range []digest.Algorithm{digest.SHA256, digest.SHA512} {
		d := a.FromString("other")
		if err := pushErr(t, s, "a", "content", d); !refusal.Is(err, refusal.DigestInvalid) {
			t.Errorf("%v", err)
		}
		if _, err := read(t, s, "a", d); !refusal.Is(err, refusal.BlobUnknown) {
			t.Errorf("it is there: %v", err)
		}
	}
	if left, _ := s.names("uploads"); len(left) > 0 {
		t.Errorf("uploads are left: %v", left)
	}
}

func TestAnUploadThatBrokeOffGoesOnInTheNextProcess(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, Options{})
	u, err := s.Begin(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	broken := io.MultiReader(strings.NewReader("cont"), iotest.ErrReader(errors.New("reset by peer")))
	if err := u.Append(broken, digest.SHA256); err == nil {
		t.Fatal("a body that breaks off was taken")
	}
	id := u.ID()
	u.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = opened(t, dir, Options{})
	if _, err := s.Resume(t.Context(), "b", id); !refusal.Is(err, refusal.UploadUnknown) {
		t.Errorf("another repository has the upload: %v", err)
	}
	if u, err = s.Resume(t.Context(), "a", id); err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	if u.Size() != 4 {
		t.Fatalf("%d bytes are there", u.Size())
	}
	d := digest.SHA512.FromString("content")
	if err := errors.Join(u.Append(strings.NewReader("ent"), digest.SHA256), u.Commit(d)); err != nil {
		t.Fatal(err)
	}
	if got, err := read(t, s, "a", d); got != "content" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestADirectoryHasOneProcessAndOneFormat(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, Options{})
	if _, err := Open(dir, Options{}); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second process: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "version"), []byte("2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !fault.Is(err, fault.Unsupported) {
		t.Errorf("a later format: %v", err)
	}
}

func TestAManifestNeedsItsPartsUnlessSparseOnesAreTaken(t *testing.T) {
	for _, sparse := range []bool{false, true} {
		s := opened(t, t.TempDir(), Options{Sparse: sparse})
		config := push(t, s, "a", "config")
		p := manifestOf(t, "", []string{"1"}, config, digest.FromString("not there"))
		err := s.PutManifest(t.Context(), "a", p)
		if sparse != (err == nil) || err != nil && !refusal.Is(err, refusal.ManifestBlobUnknown) {
			t.Errorf("sparse %v: %v", sparse, err)
		}
		if _, err := s.Manifest(t.Context(), "a", grammar.Reference{Tag: "1"}); sparse != (err == nil) {
			t.Errorf("sparse %v, and the tag: %v", sparse, err)
		}
	}
}

func TestADeletedManifestTakesItsTagsAndItsPlaceAmongReferrersAlong(t *testing.T) {
	s := opened(t, t.TempDir(), Options{})
	config := push(t, s, "a", "config")
	subject := manifestOf(t, "", []string{"1", "2"}, config)
	about := manifestOf(t, subject.Digest, nil, config, config)
	for _, p := range []registry.Push{about, subject} { // the subject may come later
		if err := s.PutManifest(t.Context(), "a", p); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.Referrers(t.Context(), "a", subject.Digest)
	if err != nil || len(list) != 1 || list[0].Digest != about.Digest || list[0].ArtifactType != "c" {
		t.Fatalf("referrers: %+v %v", list, err)
	}
	if err := s.DeleteTag(t.Context(), "a", "1"); err != nil {
		t.Fatal(err)
	}
	if tags, err := s.Tags(t.Context(), "a"); !slices.Equal(tags, []string{"2"}) {
		t.Errorf("tags: %v %v", tags, err)
	}
	if err := errors.Join(s.DeleteManifest(t.Context(), "a", about.Digest), s.DeleteManifest(t.Context(), "a", subject.Digest)); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Referrers(t.Context(), "a", subject.Digest); err != nil || len(list) != 0 {
		t.Errorf("referrers: %+v %v", list, err)
	}
	if tags, err := s.Tags(t.Context(), "a"); len(tags) != 0 || err != nil {
		t.Errorf("tags: %v %v", tags, err)
	}
	if list, err := s.Repositories(t.Context()); len(list) != 0 || err != nil {
		t.Errorf("repositories without a manifest: %v %v", list, err)
	}
	if err := s.DeleteManifest(t.Context(), "a", subject.Digest); !refusal.Is(err, refusal.ManifestUnknown) {
		t.Errorf("deleted twice: %v", err)
	}
}

func TestASweepTakesWhatNothingNamesAndNoPromiseKeeps(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, Options{Grace: time.Hour})
	named, loose := push(t, s, "a", "named"), push(t, s, "a", "loose")
	kept := manifestOf(t, "", []string{"1"}, named)
	gone := manifestOf(t, "", nil, named, named)
	for _, p := range []registry.Push{kept, gone} {
		if err := s.PutManifest(t.Context(), "a", p); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.DeleteManifest(t.Context(), "a", gone.Digest); err != nil {
		t.Fatal(err)
	}
	if swept, err := s.Sweep(t.Context()); err != nil || swept != (Swept{}) {
		t.Errorf("within the grace: %+v %v", swept, err)
	}
	// The next process knows of promises by the times of files only.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	age(t, dir, 2*time.Hour)
	s = opened(t, dir, Options{Grace: time.Hour})
	swept, err := s.Sweep(t.Context())
	if want := (Swept{Links: 1, Blobs: 2, Bytes: int64(len("loose") + len(gone.Body))}); err != nil || swept != want {
		t.Errorf("swept %+v, want %+v (%v)", swept, want, err)
	}
	if _, err := read(t, s, "a", loose); !refusal.Is(err, refusal.BlobUnknown) {
		t.Errorf("it is there: %v", err)
	}
	if _, err := read(t, s, "a", named); err != nil {
		t.Error(err)
	}
	if _, err := s.Manifest(t.Context(), "a", grammar.Reference{Tag: "1"}); err != nil {
		t.Error(err)
	}
}

func TestWhoWasToldThatABlobIsThereFindsItAfterASweep(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, Options{Grace: time.Hour})
	d := push(t, s, "a", "old")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	age(t, dir, 2*time.Hour)
	s = opened(t, dir, Options{Grace: time.Hour})
	if _, err := read(t, s, "a", d); err != nil { // as a client that is about to push
		t.Fatal(err)
	}
	age(t, dir, 2*time.Hour) // somebody has set the clock
	if swept, err := s.Sweep(t.Context()); err != nil || swept != (Swept{}) {
		t.Errorf("swept %+v %v", swept, err)
	}
	if err := s.PutManifest(t.Context(), "a", manifestOf(t, "", []string{"1"}, d)); err != nil {
		t.Error(err)
	}
}

// age makes everything in a directory older.
func age(t *testing.T, dir string, by time.Duration) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, _ os.FileInfo, err error) error {
		then := time.Now().Add(-by)
		return errors.Join(err, os.Chtimes(path, then, then))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPushesGoOnWhileSweepsTakeEverythingThatIsLoose(t *testing.T) {
	s := opened(t, t.TempDir(), Options{Grace: time.Nanosecond})
	stop := make(chan struct{})
	var sweeps sync.WaitGroup
	sweeps.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := s.Sweep(t.Context()); err != nil {
				t.Error(err)
				return
			}
		}
	})
	var pushes sync.WaitGroup
	for i := range 4 {
		pushes.Go(func() { pushMany(t, s, fmt.Sprintf("repo%d", i%2), i) })
	}
	pushes.Wait()
	close(stop)
	sweeps.Wait()
}

// pushMany pushes images of a blob that all share, and of one of their own, and
// looks whether what was accepted is there. Without a grace a manifest may be
// refused because its blob is gone; then the client pushes it again.
func pushMany(t *testing.T, s *Store, repo string, by int) {
	for n := range 15 {
		tag := fmt.Sprintf("%d-%d", by, n)
		for {
			shared, own := push(t, s, repo, "shared"), push(t, s, repo, tag)
			p := manifestOf(t, "", []string{tag}, shared, own)
			err := s.PutManifest(t.Context(), repo, p)
			if refusal.Is(err, refusal.ManifestBlobUnknown) {
				continue
			}
			if err != nil {
				t.Error(err)
				return
			}
			break
		}
		if _, err := s.Manifest(t.Context(), repo, grammar.Reference{Tag: tag}); err != nil {
			t.Error(err)
		}
		for _, content := range []string{"shared", tag} {
			if got, err := read(t, s, repo, digest.FromString(content)); err != nil || got != content {
				t.Errorf("%s of %s: %q %v", content, tag, got, err)
			}
		}
	}
}

func TestAScrubPutsDamagedContentAwayAndAPushMendsIt(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, Options{})
	good, bad := push(t, s, "a", "good"), push(t, s, "a", "bad content")
	if err := os.WriteFile(filepath.Join(dir, blobPath(bad)), []byte("bad c0ntent"), 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := s.Scrub(t.Context(), nil)
	if err != nil || found.Blobs != 2 || !slices.Equal(found.Damaged, []digest.Digest{bad}) || !slices.Equal(found.Missing, []digest.Digest{bad}) {
		t.Errorf("%+v %v", found, err)
	}
	if _, err := read(t, s, "a", bad); !refusal.Is(err, refusal.BlobUnknown) {
		t.Errorf("damaged content is served: %v", err)
	}
	if _, err := read(t, s, "a", good); err != nil {
		t.Error(err)
	}
	push(t, s, "a", "bad content")
	if got, err := read(t, s, "a", bad); err != nil || got != "bad content" {
		t.Errorf("after a push: %q %v", got, err)
	}
}

func TestAQuotaIsForWhatARepositoryHolds(t *testing.T) {
	dir := t.TempDir()
	o := Options{Quota: func(repo string) int64 {
		if repo == "small" {
			return 10
		}
		return 0
	}}
	s := opened(t, dir, o)
	d := push(t, s, "small", "12345678")
	push(t, s, "small", "12345678") // it has that already
	over := digest.FromString("123")
	if err := pushErr(t, s, "small", "123", over); !refusal.Is(err, refusal.Denied) {
		t.Errorf("over its quota: %v", err)
	}
	push(t, s, "large", "123")
	if err := s.Mount(t.Context(), "small", "large", over); !refusal.Is(err, refusal.Denied) {
		t.Errorf("a mount over its quota: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = opened(t, dir, o)
	if err := pushErr(t, s, "small", "123", over); !refusal.Is(err, refusal.Denied) {
		t.Errorf("the next process forgets what is there: %v", err)
	}
	if err := s.DeleteBlob(t.Context(), "small", d); err != nil {
		t.Fatal(err)
	}
	push(t, s, "small", "123")
}

func TestUploadsThatNobodyAddsToExpire(t *testing.T) {
	s := opened(t, t.TempDir(), Options{})
	held, err := s.Begin(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	left, err := s.Begin(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	left.Close()
	if n, err := s.Expire(time.Now().Add(-time.Hour)); n != 0 || err != nil {
		t.Errorf("young ones: %d %v", n, err)
	}
	if n, err := s.Expire(time.Now().Add(time.Hour)); n != 1 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	if _, err := s.Resume(t.Context(), "a", left.ID()); !refusal.Is(err, refusal.UploadUnknown) {
		t.Errorf("%v", err)
	}
}
