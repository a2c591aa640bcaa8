//! What edition 2024 has.
#![allow(unused, async_fn_in_trait)]
pub async fn closures() -> u8 { let f = async |n: u8| n + 1; f(1).await }
pub fn captures<'a>(a: &'a [u8]) -> impl Iterator<Item = u8> + use<'a> { a.iter().copied() }
pub fn chain(a: Option<u8>) -> Result<u8, ()> { if let Some(n) = a && n > 1 { return Ok(n) } Err(()) }
pub async fn unnamed(a: &str) -> Result<impl std::fmt::Display, std::fmt::Error> { if a.is_empty() { return Err(std::fmt::Error) } Ok(a.len()) }
pub trait Service { async fn call(&mut self) -> Result<u8, u8>; fn ready(&self) -> impl Future<Output = bool> + Send { async { true } } }
pub struct S(u8);
impl Service for S { async fn call(&mut self) -> Result<u8, u8> { self.0 += 1; Err(self.0)? } }
unsafe extern "C" { pub safe fn abs(n: i32) -> i32; }
