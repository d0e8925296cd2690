package server

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"berth/internal/fault"
	"berth/internal/login"
)

// gate lets one user in.
type gate struct{ got login.Credentials }

func (g *gate) Login(_ context.Context, who login.Credentials) (string, error) {
	g.got = who
	if who.Password != "p" {
		return "", fault.New(fault.Unauthorized, "unauthorized: incorrect username or password")
	}
	return "idtok", nil
}

func TestCredentialsAreTriedAndTheAnswerIsDockers(t *testing.T) {
	for _, c := range []struct {
		body, want string
		status     int
	}{
		{`{"username":"u","password":"p","serveraddress":"r"}`, `{"IdentityToken":"idtok","Status":"Login Succeeded"}`, 200},
		{`{"auth":"dTpw","serveraddress":"r"}`, `{"IdentityToken":"idtok","Status":"Login Succeeded"}`, 200},
		{`{"username":"u","password":"x"}`, `{"message":"unauthorized: incorrect username or password"}`, 401},
		{`{"auth":"?"}`, "invalid auth", 400},
		{`{`, "invalid JSON", 400},
		{`{"registrytoken":"x"}`, "not supported", 501},
	} {
		g := &gate{}
		s := New(Config{Logins: g})
		r := httptest.NewRequest("POST", "/v1.45/auth", strings.NewReader(c.body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) || w.Code == 200 && (g.got.Username != "u" || g.got.ServerAddress != "r") {
			t.Errorf("%s: %d %s %+v", c.body, w.Code, w.Body, g.got)
		}
	}
}
