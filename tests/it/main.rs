//! The whole program against the stand-in on loopback, on a clock that is turned by hand.

mod world;

mod answers;
mod attempts;
mod callback;
mod cookies;
mod ended;
mod forgery;
mod keys;
mod login;
mod logout;
mod never_lost;
mod outage;
mod refresh;
mod return_to;
mod sessions;
mod tabs;
