package hostfuncs

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/capdata"
)

// chatty writes to the console in every way that there is.
func chatty(c *code) {
	c.put(0, "hello \xff\xfe world")
	c.log(1, 0, 5)
	c.log(99, 0, 14)
	c.log(-1, 0xffffffff, 0)
	c.log(0, 0xfffffff0, 100)
	c.log(0, 65535, 2)
	c.put32(100, 0, 5, 0xfffffff0, 20, 5, 1)
	c.put(200, fmt.Sprint(c.wasi("fd_write", 1, 100, 3, 208)))
	c.put(201, fmt.Sprint(c.wasi("fd_write", 2, 100, 1, 104))) // over the table
	c.put(202, fmt.Sprint(c.wasi("fd_write", 2, 0, 0, 212)))
	c.put(203, fmt.Sprint(c.wasi("fd_write", 1, 65530, 1, 0)))
}

func TestConsole(t *testing.T) {
	var got []string
	o := play(script(chatty), Options{Console: func(level uint32, text string) { got = append(got, fmt.Sprintf("%d %s", level, text)) }}, nil, "")
	want := []string{"1 hello", "99 hello \ufffd world", "4294967295 ", "0 (unreadable 0xfffffff0+100)", "0 (unreadable 0xffff+2)",
		"1 hello(unreadable 0xfffffff0+20) ", "4 hello", "4 "}
	if o.String() != "ok" || !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", o, got, want)
	}
}

// Guest memory and gas are the same whatever the console is or does.
func TestConsoleCannotBeSensed(t *testing.T) {
	var first []byte
	var gas uint64
	for i, console := range []Console{nil, func(uint32, string) {}, func(uint32, string) { panic("the sink is full") }} {
		var in *fakeInstance
		g, err := New(script(func(c *code) { in = c.fakeInstance; chatty(c) }), Options{Console: console})
		if err != nil {
			t.Fatal(err)
		}
		used, f, err := g.Deliver(capdata.StartVat, nil, testGas, nil)
		if f != nil || err != nil {
			t.Fatal(f, err)
		}
		if i == 0 {
			first, gas = in.mem, used
		}
		if !bytes.Equal(first, in.mem) || used != gas {
			t.Errorf("console %d: gas %d and %d, equal memory: %v", i, used, gas, bytes.Equal(first, in.mem))
		}
	}
	if got := string(first[200:204]); got != "0002" {
		t.Errorf("error numbers %q", got)
	}
}

// The black hole does not even have a memory to look at.
func TestBlackHole(t *testing.T) {
	g := &Guest{inst: nil, record: -1}
	if err := g.consoleLog(nil); err != nil {
		t.Error(err)
	}
}

func TestConsoleTextIsCut(t *testing.T) {
	var texts []string
	m := script(func(c *code) {
		for i := range c.mem {
			c.mem[i] = 'x'
		}
		c.log(1, 1, 100_000)
		c.log(1, 65534, math.MaxUint32)
		c.put32(0, 30, 60_000, 40, 60_000, 50, 60_000)
		c.wasi("fd_write", 1, 0, 3, 16)
		if n := c.get32(16); n != 180_000 {
			t.Errorf("fd_write wrote %d bytes", n)
		}
	})
	m.pages = 2
	o := play(m, Options{Console: func(_ uint32, text string) { texts = append(texts, text) }}, nil, "")
	if o.String() != "ok" || len(texts) != 3 || len(texts[0]) != 64<<10 || texts[1] != "(unreadable 0xfffe+4294967295)" || len(texts[2]) != 64<<10 {
		t.Error(o, len(texts))
	}
	if strings.Trim(texts[2], "x") != "" {
		t.Error("the text is not what was written")
	}
}
