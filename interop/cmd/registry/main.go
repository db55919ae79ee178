// Command registry serves go-containerregistry's in-memory registry on a free loopback port.
//
// It prints its address as the first line, and then nothing. With -referrers it has the referrers API
// of OCI 1.1, which the registry command of that project leaves out. With -log it appends one line a
// request: method, path, status, bytes of the answer.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	referrers := flag.Bool("referrers", false, "serve the referrers API")
	logFile := flag.String("log", "", "append one line a request to this file")
	lifetime := flag.Duration("for", time.Hour, "stop after this time")
	flag.Parse()

	handler := registry.New(
		registry.WithReferrersSupport(*referrers),
		registry.Logger(log.New(io.Discard, "", 0)),
	)
	if *logFile != "" {
		// Append mode: whoever counts may truncate the file between two requests.
		file, err := os.OpenFile(*logFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			log.Fatal(err)
		}
		handler = logged(handler, file)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	time.AfterFunc(*lifetime, func() { os.Exit(1) })
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.Serve(listener))
}

func logged(next http.Handler, out io.Writer) http.Handler {
	var mutex sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		counted := &counter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(counted, r)
		mutex.Lock()
		defer mutex.Unlock()
		fmt.Fprintln(out, r.Method, r.URL.RequestURI(), counted.status, counted.bytes)
	})
}

type counter struct {
	http.ResponseWriter
	status int
	bytes  int
}

func (c *counter) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.bytes += n
	return n, err
}
