//! GOAWAY in two steps (RFC 9113 §6.8): nothing that was taken is lost, nothing that was not taken is half done.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::world::http2::{connect, whole};
use crate::world::{BAT, Speaks, World, eventually};

#[tokio::test]
async fn under_load_every_stream_that_was_opened_is_answered() {
    let (world, mut process) = World::around_a_process(|setup| {
        setup.set("shutdown", "delay", "\"500ms\"");
        setup.set("shutdown", "drain", "\"10s\"");
        setup.rule("/**", "public");
    })
    .await;
    let (answered, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut lanes = Vec::new();
    for _ in 0..4 {
        let (client, _) = connect(world.address()).await;
        for lane in 0..8 {
            let (client, answered, refused) = (client.clone(), Arc::clone(&answered), Arc::clone(&refused));
            let target = if lane == 0 { "/slow?ms=300" } else { "/bytes/20000" };
            let address = format!("http://{}{target}", world.setup.host());
            lanes.push(tokio::spawn(async move {
                // Until it is told to go: what is not sent is not lost.
                while let Ok(mut client) = client.clone().ready().await {
                    let Ok((answer, _)) = client.send_request(http::Request::get(&address).body(()).unwrap(), true)
                    else {
                        return;
                    };
                    match answer.await {
                        Ok(answer) => {
                            assert_eq!(answer.status(), 200);
                            let length = whole(&mut answer.into_body()).await.unwrap().len();
                            assert!(lane == 0 || length == 20_000, "{length}");
                            answered.fetch_add(1, Ordering::SeqCst);
                        }
                        // Beyond the last stream of the second GOAWAY: it may be sent again elsewhere.
                        Err(error) if error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR) => {
                            refused.fetch_add(1, Ordering::SeqCst);
                            return;
                        }
                        Err(error) => panic!("lost: {error}"),
                    }
                }
            }));
        }
    }
    eventually("all lanes are busy", || answered.load(Ordering::SeqCst) > 100).await;
    process.terminate();
    for lane in lanes {
        tokio::time::timeout(Duration::from_secs(20), lane).await.expect("it is told to go").unwrap();
    }
    assert_eq!(process.exit().await, Some(0));
    let (answered, refused) = (answered.load(Ordering::SeqCst), refused.load(Ordering::SeqCst));
    assert_eq!(world.seen().len(), answered, "{refused} were not taken, and the application saw none of them");
}

#[tokio::test]
async fn whoever_comes_while_it_leaves_is_served_and_told_by_goaway() {
    let (world, mut process) = World::around_a_process(|setup| {
        setup.set("shutdown", "delay", "\"2s\"");
        setup.set("shutdown", "drain", "\"10s\"");
    })
    .await;
    let browser = world.signed_in(BAT).await;
    process.terminate();
    for _ in 0..200 {
        if process.ask("/readyz").await.status == 503 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(browser.speaking(Speaks::Http2).fetch("/deep/a").await.status, 200);
    let (mut client, connection) = connect(world.address()).await;
    let request = http::Request::get(format!("http://{}/deep/b", world.setup.host()));
    let (answer, _) =
        client.send_request(request.header("cookie", browser.cookie_line()).body(()).unwrap(), true).unwrap();
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(!answer.headers().contains_key("connection"));
    whole(&mut answer.into_body()).await.unwrap();
    connection.await.unwrap().expect("a proper end");
    assert_eq!(process.exit().await, Some(0));
}
