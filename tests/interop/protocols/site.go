// Go's net/http: what site.mjs says of every server. Arguments: port, and with TLS a certificate's file and its key's.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

var mebibyte = bytes.Repeat([]byte("tokigate "), 1<<20/9+1)[:1<<20]

func answer(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/bytes"):
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Write(mebibyte)
		return
	case strings.HasSuffix(r.URL.Path, "/count"):
		hash := sha256.New()
		count, _ := io.Copy(hash, r.Body)
		tell(w, map[string]any{"bytes": count, "sha256": fmt.Sprintf("%x", hash.Sum(nil))})
		return
	}
	tell(w, map[string]any{
		"protocol": r.Proto, "method": r.Method, "target": r.RequestURI, "host": r.Host, "user": r.Header.Get("X-Forwarded-User"),
		"forwarded": r.Header.Get("X-Forwarded-For"), "cookie": strings.Join(r.Header["Cookie"], "; "),
	})
}

func tell(w http.ResponseWriter, told map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(told)
}

func main() {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Addr: "127.0.0.1:" + os.Args[1], Handler: http.HandlerFunc(answer), Protocols: protocols}
	if len(os.Args) > 2 {
		panic(server.ListenAndServeTLS(os.Args[2], os.Args[3]))
	}
	panic(server.ListenAndServe())
}
