//! The executable. Everything it does is in the library; see [`oneiros::cli`].

fn main() -> std::process::ExitCode {
    oneiros::cli::main()
}
