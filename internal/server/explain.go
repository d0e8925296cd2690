package server

import (
	"time"

	"berth/internal/container/explain"
)

// explainRoutes are the handlers that tell why a container is as it is.
type explainRoutes struct{ containers Explanations }

// explanation is an answer: sentences for people, and what they are made of.
type explanation struct {
	Sentences []string
	Facts     explain.Facts
}

func (r explainRoutes) explain(c *call) error {
	facts, err := r.containers.Explain(c.r.Context(), c.name)
	if err != nil {
		return err
	}
	return c.json(explanation{explain.Sentences(&facts, time.Now()), facts}, nil)
}
