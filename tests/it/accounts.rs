//! Who may come in, and how far: the whole router over a real PostgreSQL, as browsers and programs meet it.

mod audit;
mod browsers;
mod command_line;
mod doors;
mod keys;
mod matrix;
mod people;
mod personal;
mod setup;
mod suspension;
mod tls;
mod wall;
