use std::process::ExitCode;

/// Keeps less memory for thousands of idle connections than the system's, and musl's has one lock for all workers.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    tokigate::cli::main()
}
