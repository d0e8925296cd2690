package lines

import (
	"fmt"
	"testing"

	"berth/internal/container"
)

func TestLinesOfContainersThatAreGoneAreForgotten(t *testing.T) {
	l := New()
	for i := range 1000 {
		if _, err := l.Render(fmt.Sprint(i), Look{Revision: 1}, func() any { return i }); err != nil {
			t.Fatal(err)
		}
		l.Forget([]container.Container{{ID: fmt.Sprint(i)}, {ID: "never listed"}})
		if len(l.byID) > 2*2+spareLines {
			t.Fatalf("%d lines of two containers", len(l.byID))
		}
	}
	if _, ok := l.byID["999"]; !ok {
		t.Error("the line of one that is there is gone too")
	}
}
