//! An authenticating proxy: lets only signed-in people through, and tells the application who they are.
//!
//! Imports only point down (`tests/it/layers.rs` holds it):
//!
//! ```text
//!             cli                         what a person types
//!              │
//!           server ────────── demo        (demo imports nothing of ours)
//!              │
//!           config                        what the file says, checked
//!              │
//!    provider → store   upstream          talking to others       telemetry, tls, files (leaves, for all above the line)
//!  ════════════╪══════════════════════════ nothing below this line awaits ═════════
//!             gate                        what should happen?
//!              │
//!       session → wire                    who is it? what do they ask?
//!          │
//!        oidc                             what does the protocol say?
//!          │
//!        clock                            Timestamp
//! ```
#![forbid(unsafe_code)]

pub mod cli;
mod server;

pub mod demo;

mod config;

mod files;
mod provider;
mod store;
mod telemetry;
mod tls;
mod upstream;

mod gate;

mod session;
mod wire;

mod oidc;

mod clock;

pub mod testing;
