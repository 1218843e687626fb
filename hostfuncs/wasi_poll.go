package hostfuncs

import "encoding/binary"

// Layouts of poll_oneoff.
const (
	subscriptionSize = 48
	eventSize        = 32

	pollClock   = 0 // types of subscriptions and events
	pollFDRead  = 1
	pollFDWrite = 2

	absoluteTime = 1 // flag of a clock subscription
)

// A subscription is one of poll_oneoff, as far as it matters here.
type subscription struct {
	userdata uint64
	kind     byte
	wait     uint64 // nanoseconds from now; 0 if it fires at once
	errno    uint16
}

// subscription decodes an entry. What is about a file, or about a clock that
// there is not, fires at once with an error.
func (g *Guest) subscription(b []byte, now uint64) subscription {
	le := binary.LittleEndian
	s := subscription{userdata: le.Uint64(b), kind: b[8]}
	if s.kind != pollClock {
		s.errno = errnoBadF
		return s
	}
	if le.Uint32(b[16:]) >= clocks {
		s.errno = errnoInval
		return s
	}
	s.wait = le.Uint64(b[24:])
	if le.Uint16(b[40:])&absoluteTime != 0 {
		if s.wait > clockOrigin+now {
			s.wait -= clockOrigin + now
		} else {
			s.wait = 0
		}
	}
	s.wait = min(s.wait, clockEnd-now)
	return s
}

// pollOneoff waits, which is to move the clock on by the shortest wait of all
// subscriptions, and tells of all that have fired by then, in their order. An
// unknown type of subscription makes the whole call errnoInval.
func (g *Guest) pollOneoff(stack []uint64) error {
	in, out, count, fired := arg(stack, 0), arg(stack, 1), arg(stack, 2), arg(stack, 3)
	if count == 0 {
		return errno(stack, errnoInval)
	}
	g.view()
	if !g.inside(in, count*subscriptionSize) || !g.inside(out, count*eventSize) || !g.inside(fired, 4) {
		return errno(stack, errnoFault)
	}
	if err := g.charge(count * gasSubscription); err != nil {
		return err
	}
	now := min(g.clock.Get(), clockEnd)
	table := g.bytes(in, count*subscriptionSize)
	shortest := uint64(clockEnd)
	for t := table; len(t) > 0; t = t[subscriptionSize:] {
		if t[8] > pollFDWrite {
			return errno(stack, errnoInval)
		}
		shortest = min(shortest, g.subscription(t, now).wait)
	}
	g.clock.Set(now + shortest)
	// Events are no longer than subscriptions, so if the guest lets them
	// overlap from the same start none overwrites what is still to be read;
	// another overlap gives nonsense, the same on every machine.
	var n uint32
	for t := table; len(t) > 0; t = t[subscriptionSize:] {
		s := g.subscription(t, now)
		if s.wait > shortest {
			continue
		}
		event := g.bytes(out+uint64(n)*eventSize, eventSize)
		clear(event)
		binary.LittleEndian.PutUint64(event, s.userdata)
		binary.LittleEndian.PutUint16(event[8:], s.errno)
		event[10] = s.kind
		n++
	}
	g.put32(fired, n)
	return errno(stack, errnoSuccess)
}
