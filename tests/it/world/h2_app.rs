//! An application that speaks HTTP/2 by prior knowledge, and does what a test wants.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::frames::{Frames, PREFACE};

pub struct Http2App {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Request<()>>>>,
    task: JoinHandle<()>,
}

/// A request, and where its answer goes.
pub struct Call {
    pub request: Request<RecvStream>,
    pub respond: SendResponse<Bytes>,
}

impl Http2App {
    pub async fn start<A>(serve: impl Fn(Call) -> A + Send + Sync + 'static) -> Http2App
    where
        A: Future<Output = ()> + Send + 'static,
    {
        Http2App::with(&Builder::new(), serve).await
    }

    pub async fn with<A>(builder: &Builder, serve: impl Fn(Call) -> A + Send + Sync + 'static) -> Http2App
    where
        A: Future<Output = ()> + Send + 'static,
    {
        let seen: Arc<Mutex<Vec<Request<()>>>> = Arc::default();
        let (builder, told, serve) = (builder.clone(), Arc::clone(&seen), Arc::new(serve));
        let mut app = Http2App::raw(move |stream, _| {
            let (builder, told, serve) = (builder.clone(), Arc::clone(&told), Arc::clone(&serve));
            async move {
                let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await else { return };
                while let Some(Ok((request, respond))) = connection.accept().await {
                    let (head, body) = request.into_parts();
                    told.lock().unwrap().push(Request::from_parts(head.clone(), ()));
                    tokio::spawn(serve(Call { request: Request::from_parts(head, body), respond }));
                }
            }
        })
        .await;
        app.seen = seen;
        app
    }

    /// Frame by frame: what no library would send. `serve` has the connection, its settings said, and its number from 0.
    pub async fn hostile<A>(serve: impl Fn(Frames, usize) -> A + Send + Sync + 'static) -> Http2App
    where
        A: Future<Output = ()> + Send + 'static,
    {
        let serve = Arc::new(serve);
        Http2App::raw(move |mut stream, number| {
            let serve = Arc::clone(&serve);
            async move {
                let mut preface = [0; PREFACE.len()];
                if stream.read_exact(&mut preface).await.is_err() {
                    return;
                }
                let mut frames = Frames::over(stream);
                frames.set(&[]).await;
                serve(frames, number).await;
            }
        })
        .await
    }

    /// Byte by byte.
    pub async fn raw<A>(serve: impl Fn(TcpStream, usize) -> A + Send + Sync + 'static) -> Http2App
    where
        A: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                tokio::spawn(serve(stream, counted.fetch_add(1, Ordering::SeqCst)));
            }
        });
        Http2App { address, connections, seen: Arc::default(), task }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// As TOML.
    pub fn upstream(&self) -> String {
        format!("\"h2c://{}\"", self.address)
    }

    /// Connections that were made to it so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The heads of the requests that came, oldest first.
    pub fn seen(&self) -> Vec<Request<()>> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Http2App {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Call {
    pub fn path(&self) -> String {
        self.request.uri().path().to_owned()
    }

    /// The request's body and trailers.
    pub async fn body(&mut self) -> Result<(Vec<u8>, HeaderMap), h2::Error> {
        let mut body = Vec::new();
        let incoming = self.request.body_mut();
        while let Some(data) = incoming.data().await {
            let data = data?;
            let _ = incoming.flow_control().release_capacity(data.len());
            body.extend_from_slice(&data);
        }
        Ok((body, incoming.trailers().await?.unwrap_or_default()))
    }

    /// Answers with this text.
    pub fn answer(&mut self, text: impl Into<String>) {
        let text = text.into();
        let response = Response::builder().header("content-length", text.len()).body(()).unwrap();
        if let Ok(mut stream) = self.respond.send_response(response, false) {
            let _ = stream.send_data(text.into(), true);
        }
    }

    /// Begins an answer.
    pub fn begin(&mut self, kind: &str) -> SendStream<Bytes> {
        let response = Response::builder().header("content-type", kind).body(()).unwrap();
        self.respond.send_response(response, false).unwrap()
    }
}
