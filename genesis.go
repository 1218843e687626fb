package crankcase

import "github.com/crankcase/crankcase/kernel"

// Genesis is what a kernel is born with under c, for hosts that put their own
// store or workers under kernel.Initialize. Start does all of it.
func (c *Config) Genesis() (kernel.Genesis, error) { return c.genesis() }
