package server

import (
	"encoding/base64"
	"strings"

	"berth/internal/fault"
	"berth/internal/login"

	"github.com/moby/moby/api/types/registry"
)

// authRoutes are the handlers about registries' credentials.
type authRoutes struct{ logins Logins }

// check tries credentials at their registry.
func (r authRoutes) check(c *call) error {
	var body registry.AuthConfig
	if err := c.decodeBody(&body); err != nil { // of any Content-Type, as Docker reads it
		return err
	}
	who := login.Credentials{Username: body.Username, Password: body.Password, IdentityToken: body.IdentityToken, ServerAddress: body.ServerAddress}
	switch {
	case body.RegistryToken != "":
		return fault.New(fault.Unsupported, "logging in with a registry token is not supported by berth")
	case body.Username == "" && body.Password == "" && body.Auth != "":
		b, err := base64.StdEncoding.DecodeString(body.Auth)
		name, password, ok := strings.Cut(string(b), ":")
		if err != nil || !ok {
			return fault.New(fault.Invalid, "invalid auth: it is not the base64 of a name, a colon and a password")
		}
		who.Username, who.Password = name, password
	}
	token, err := r.logins.Login(c.r.Context(), who)
	return c.json(registry.AuthResponse{Status: "Login Succeeded", IdentityToken: token}, err)
}
