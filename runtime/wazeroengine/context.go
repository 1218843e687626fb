package wazeroengine

import (
	"context"
	"time"
)

// callContext is the context of all calls of an instance: it carries env. It
// is a type of its own, because a type assertion is what a host call can
// afford; and it is never done, so that wazero has nothing to watch.
type callContext struct{ env any }

type envKey struct{}

var _ context.Context = (*callContext)(nil)

func (*callContext) Deadline() (time.Time, bool) { return time.Time{}, false }
func (*callContext) Done() <-chan struct{}       { return nil }
func (*callContext) Err() error                  { return nil }

func (c *callContext) Value(key any) any {
	if _, ok := key.(envKey); ok {
		return c
	}
	return nil
}

// envOf returns the env of the instance that calls. wazero may have wrapped
// the context.
func envOf(ctx context.Context) any {
	c, ok := ctx.(*callContext)
	if !ok {
		if c, ok = ctx.Value(envKey{}).(*callContext); !ok {
			return nil
		}
	}
	return c.env
}
