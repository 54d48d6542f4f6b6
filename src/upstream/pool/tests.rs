use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::{LocalSet, spawn_local};

use super::*;
use crate::upstream::Address;

/// Answers whatever comes, on any number of connections.
async fn application() -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    spawn_local(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            spawn_local(async move {
                while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                }
            });
        }
    });
    Address::parse(&format!("http://127.0.0.1:{port}")).unwrap()
}

async fn pool(idle_timeout: Duration) -> Pool {
    let second = Duration::from_secs(1);
    let address = application().await;
    let settings = Settings { address, host: None, connect_timeout: second, timeout: second, idle_timeout };
    Pool::new(settings, None, Metrics::new())
}

fn post() -> Request<Upload> {
    Request::post("/").header("host", "app").body(Upload::none()).unwrap()
}

async fn answered(pool: &Pool) -> Connection {
    match pool.send(post(), Wait::Forever).await {
        Ok(Sent::Own(_, connection)) => connection,
        Ok(Sent::Shared(_)) => panic!("HTTP/2"),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn what_was_never_sent_is_sent_on_another_connection_whatever_it_is() {
    let test = async {
        let pool = pool(Duration::from_secs(1)).await;
        let connection = answered(&pool).await;
        pool.put(connection, None);
        pool.0.idle.borrow()[0].connection.kill();
        answered(&pool).await;
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn what_nobody_takes_in_time_is_closed() {
    let test = async {
        let pool = pool(Duration::from_millis(100)).await;
        let connection = answered(&pool).await;
        pool.put(connection, None);
        assert_eq!(pool.0.idle.borrow().len(), 1);
        tokio::time::sleep(REAP_EVERY * 2).await;
        assert_eq!(pool.0.idle.borrow().len(), 0);
        answered(&pool).await;
    };
    LocalSet::new().run_until(test).await;
}
