// Go: what net/http makes of a target, and its router. One line for each reading.
package main

import (
	"fmt"
	"net/http"
	"os"
	"path"
)

func main() {
	router := http.NewServeMux()
	answer := func(pattern string) http.HandlerFunc {
		return func(response http.ResponseWriter, request *http.Request) {
			fmt.Fprintf(response, "%s %s\nURL.Path\t%s\npath.Clean\t%s\n", request.Method, request.RequestURI, request.URL.Path, path.Clean("/"+request.URL.Path))
			if pattern != "/" {
				fmt.Fprintf(response, "ServeMux\t%s\n", pattern)
			}
		}
	}
	for _, pattern := range []string{"/", "/admin/", "/api/private/", "/account/", "/assets/private/"} {
		router.HandleFunc(pattern, answer(pattern))
	}
	fmt.Println("listening")
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], router))
}
