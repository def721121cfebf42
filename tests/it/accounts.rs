//! Who may come in, and how far: the whole router over a real PostgreSQL, as browsers and programs meet it.

mod acme;
mod audit;
mod browsers;
mod command_line;
mod device;
mod doors;
mod erasure;
mod events;
mod keys;
mod matrix;
mod passkeys;
mod people;
mod personal;
mod provider;
mod second_factor;
mod setup;
mod suspension;
mod tls;
mod tokens;
mod wall;
