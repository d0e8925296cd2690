//go:build linux

package integration

import (
	"encoding/json"
	"strings"
	"testing"

	"berth/test/harness"
)

func TestARemovedVolumeIsInTheTrashAndComesBackAlsoToTheNextDaemon(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	write := func(word string) {
		c.Must("run", "--rm", "-v", "data:/d", busybox, "sh", "-c", "echo "+word+" > /d/f")
	}
	write("first")
	c.Must("run", "--name", "anonymous", "-v", "/a", busybox, "true")
	c.Must("rm", "-v", "anonymous")
	d.Client(t, "docker").Must("volume", "rm", "data")
	write("second")
	c.Must("volume", "prune", "-a", "-f")
	c.Prints("", "volume", "ls", "-q")
	d.Kill9()
	d.StartAgain()
	c.Prints("data\ndata", "volume", "trash", "ls", "--format", "{{.Name}}")
	first := strings.Fields(c.Must("volume", "trash", "ls", "-q"))[0]
	if df := c.Must("system", "df"); !strings.Contains(df, "Volume Trash") {
		t.Error(df)
	}
	c.Prints("data", "volume", "trash", "restore", "data")
	c.Fails(1, "there is a volume data", "volume", "trash", "restore", first)
	c.Prints("old", "volume", "trash", "restore", first, "old")
	c.Prints("second first", "run", "--rm", "-v", "data:/d", "-v", "old:/o", busybox, "sh", "-c", "echo $(cat /d/f /o/f)")
	c.Must("volume", "rm", "--purge", "old")
	c.Prints("", "volume", "trash", "ls", "-q")
	c.Must("volume", "rename", "data", "kept")
	c.Must("volume", "rm", "kept")
	d.Client(t, "docker").Must("volume", "prune", "-f") // which makes room
	c.Prints("", "volume", "trash", "ls", "-q")
}

func TestAProtectedVolumeIsRemovedByNoCommandAndSaysWhy(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c, docker := d.Client(t, "berth"), d.Client(t, "docker")
	const says = "is protected: it has the label berth.protect=true"
	docker.Must("volume", "create", "--label", "berth.protect=true", "data")
	for _, client := range []harness.Client{c, docker} {
		client.Fails(1, says, "volume", "rm", "data")
		client.Fails(1, says, "volume", "rm", "-f", "data")
		client.Must("volume", "prune", "-a", "-f")
		client.Must("volume", "prune", "-f")
	}
	c.Must("system", "prune", "-f", "--volumes")
	c.Fails(1, says, "volume", "rm", "--purge", "data")
	docker.Must("create", "--name", "one", "--mount", "type=volume,dst=/a,volume-label=berth.protect=true", busybox, "true")
	docker.Fails(1, says, "rm", "-v", "one")
	docker.Must("rm", "one")
	names := strings.Fields(c.Must("volume", "ls", "-q"))
	if len(names) != 2 {
		t.Fatal(names)
	}
	c.Must(append([]string{"volume", "unprotect"}, names...)...)
	c.Must(append([]string{"volume", "rm"}, names...)...)
	c.Must("volume", "create", "again")
	c.Must("volume", "protect", "again")
	c.Fails(1, says, "volume", "rm", "again")
	c.Must("volume", "unprotect", "again")
}

func TestAVolumeThatIsUsedSaysByWhomAndIsNotRenamed(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	id := strings.TrimSpace(c.Must("create", "--name", "one", "-v", "data:/d", busybox, "true"))
	c.Fails(1, "volume is in use - ["+id+"]", "volume", "rm", "data")
	c.Fails(1, "volume is in use - ["+id+"]", "volume", "rename", "data", "other")
	var shown struct {
		UsageData struct{ RefCount, Size int64 }
		UsedBy    []struct{ ID, Name string }
	}
	if err := json.Unmarshal([]byte(c.Must("volume", "inspect", "--size", "-f", "{{json .}}", "data")), &shown); err != nil {
		t.Fatal(err)
	}
	if len(shown.UsedBy) != 1 || shown.UsedBy[0].ID != id || shown.UsedBy[0].Name != "one" || shown.UsageData.RefCount != 1 {
		t.Errorf("%+v", shown)
	}
	c.Must("rm", "one")
	c.Must("volume", "rename", "data", "other")
	c.Prints("other", "volume", "ls", "-q")
	c.Fails(1, "no such volume", "volume", "rename", "data", "x1")
	c.Fails(1, "can only update cluster volumes", "volume", "update", "other")
	c.Fails(1, "This node is not a swarm manager", "volume", "create", "--type", "mount", "swarm")
}
