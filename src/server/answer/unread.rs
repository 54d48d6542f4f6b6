//! Answers to connections of which nothing is read: whole, as bytes.

/// To one beyond `limits.connections`.
pub const CROWDED: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 35\r\n\
    retry-after: 1\r\ncache-control: no-store\r\nconnection: close\r\n\r\nToo many connections. Try again...\n";

/// To one that speaks HTTP where TLS is spoken.
pub const PLAIN_HTTP: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 47\r\n\
    cache-control: no-store\r\nconnection: close\r\n\r\nThis port speaks TLS. Write https:// in front.\n";
