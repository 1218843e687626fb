// Command goguest is a vat in Go for the worker's tests: it uses what leans on
// WASI (time, goroutines, printing, files that are not there), and tells the
// kernel what came of it in the order in which it happened.
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared
package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log"
	"math/rand"
	"os"
	"strings"
	"sync"
	"text/template"
	"time"
	"unsafe"
)

//go:wasmimport crankcase_v1 read
func read(dst unsafe.Pointer, offset, n uint32)

//go:wasmimport crankcase_v1 vatstore_set
func vatstoreSet(key unsafe.Pointer, keyLen uint32, value unsafe.Pointer, valueLen uint32)

func set(key, value string) {
	vatstoreSet(unsafe.Pointer(unsafe.StringData(key)), uint32(len(key)), unsafe.Pointer(unsafe.StringData(value)), uint32(len(value)))
}

// A report is what a delivery finds.
type report struct {
	Kind    uint32
	Payload string
	Time    string
	Order   []string
	Random  int
	Args    int
	Env     int
	File    string
	Write   string
	Text    string
	Elapsed time.Duration
}

//go:wasmexport crankcase_deliver
func deliver(kind, n uint32) uint32 {
	if kind == 6 {
		os.Exit(3)
	}
	if kind == 5 {
		panic("a bug of the vat's own")
	}
	payload := make([]byte, n)
	if n > 0 {
		read(unsafe.Pointer(&payload[0]), 0, n)
	}
	start := time.Now()
	r := report{Kind: kind, Payload: fmt.Sprintf("%x", sha256.Sum256(payload))[:8], Time: start.UTC().Format(time.RFC3339Nano), Random: rand.Intn(1000), Args: len(os.Args), Env: len(os.Environ())}

	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			time.Sleep(time.Duration(5-i) * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			r.Order = append(r.Order, fmt.Sprint("g", i))
		}()
	}
	select {
	case <-time.After(2500 * time.Microsecond):
		mu.Lock()
		r.Order = append(r.Order, "timer")
		mu.Unlock()
	}
	wg.Wait()

	_, err := os.ReadFile("/etc/passwd")
	r.File = fmt.Sprint(err)
	r.Write = fmt.Sprint(os.WriteFile("out", payload, 0o600))
	var text strings.Builder
	template.Must(template.New("").Parse(`{{range $k, $v := .}}{{$k}}={{$v}} {{end}}`)).Execute(&text, map[string]int{"b": 2, "a": 1})
	r.Text = text.String()
	r.Elapsed = time.Since(start)

	b, err := json.Marshal(r)
	if err != nil {
		return 1
	}
	fmt.Println("stdout", string(b))
	log.Print("stderr")
	set("report", string(b))
	go set("late", "after the answer") // what is left runs during the sleep
	time.Sleep(time.Nanosecond)
	return 0
}

func main() {}
