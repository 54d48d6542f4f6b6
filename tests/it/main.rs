//! The whole program against the stand-in on loopback, on a clock that is turned by hand.

mod world;

mod answers;
mod attempts;
mod backchannel;
mod bytes;
mod callback;
mod circles;
mod conformance;
mod cookies;
mod drain;
mod ended;
mod forgery;
mod forward;
mod forward_auth;
mod frontchannel;
mod id_tokens;
mod identity;
mod keys;
mod layers;
mod login;
mod logout;
mod logs;
mod never_lost;
mod ops;
mod outage;
mod pages;
mod provider_keys;
mod refresh;
mod replicas;
mod return_to;
mod rules;
mod sessions;
mod socket;
mod streams;
mod tabs;
