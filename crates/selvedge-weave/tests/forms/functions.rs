//! Functions { of all sorts.
#![allow(dead_code, unused)]

macro_rules! cfg_if {
    (if #[cfg($a:meta)] { $($then:item)* } else { $($otherwise:item)* }) => {
        $(#[cfg($a)] $then)* $(#[cfg(not($a))] $otherwise)*
    };
}
cfg_if! {
    if #[cfg(windows)] {
        pub fn platform() -> &'static str { "windows" }
    } else {
        pub fn platform() -> &'static str { "other" }
    }
}

macro_rules! made { ($name:ident) => { pub fn $name() -> u8 { 1 } } }
made!(made_up);

/** Block { comment */
pub unsafe fn dangerous(at: *const u8) -> u8 { unsafe { *at } }
pub extern "C" fn for_c(n: i32) -> i32 { n }
#[unsafe(no_mangle)]
pub unsafe extern "C" fn exported_form(n: i32) -> i32 { n }
pub const fn constant() -> u8 { 1 }
pub fn never() -> ! { loop { std::hint::spin_loop() } }
pub fn r#match(r#type: u8) -> u8 { r#type }
pub fn größe(länge: u8) -> Result<u8, String> { länge.checked_mul(2).ok_or("ü".into()) }
pub fn text() -> &'static str { r#"}" { "# }
pub fn letters() -> [char; 3] { ['{', '\'', '"'] }
pub fn bounded<T>(of: T) -> impl Iterator<Item = T> where T: Clone { std::iter::repeat(of) }
pub fn adder(n: u8) -> impl Fn(u8) -> u8 { move |m| n + m }
pub fn boxed_adder(n: u8) -> Box<dyn Fn(u8) -> u8> { Box::new(move |m| n + m) }
pub fn pointer() -> fn(u8) -> u8 { |n| n }
pub fn or_else(n: Option<u8>) -> u8 { let Some(n) = n else { return 0 }; n }
pub fn arrays<const N: usize>(of: [u8; N]) -> [u8; N] where [u8; N]: Sized { of }
pub fn late<'a, 'b: 'a>(a: &'a str, b: &'b str) -> &'a str { if a.is_empty() { b } else { a } }
pub fn higher(f: &dyn for<'x> Fn(&'x str) -> &'x str) -> usize { f("").len() }
pub fn unused_parameters(_: u8, _b: u8, (_c, _): (u8, u8)) {}
pub fn swap(a: &mut u8, b: &mut u8) { std::mem::swap(a, b); }
pub fn fills(of: &mut Vec<u8>) -> &mut Vec<u8> { of.push(1); of }
pub fn rebinds<'a>(mut of: &'a mut [u8]) -> Option<&'a mut u8> {
    while of.len() > 1 { let (_, rest) = of.split_at_mut(1); of = rest; }
    of.first_mut()
}
pub fn outer() -> u8 {
    fn inner() -> u8 { 2 }
    struct Local;
    impl Local { fn method(&self) -> Self { Local } }
    impl Drop for Local { fn drop(&mut self) { let _ = inner(); } }
    let _ = Local.method();
    inner()
}
pub fn inner_attribute() -> u8 {
    #![allow(unused_mut)]
    let mut x = 1;
    x
}
#[must_use]
pub fn chained(n: u8) -> Result<u8, Box<dyn std::error::Error>> {
    let n: u8 = n.to_string().parse()?;
    if n > 3 { Err("much")? }
    Ok(n)
}
pub fn labelled() -> u8 { 'a: { if true { break 'a 1 } 2 } }
pub fn generic_error<E: std::fmt::Debug>(e: E) -> Result<(), E> { Err(e) }
pub fn infallible() -> Result<u8, std::convert::Infallible> { Ok(1) }

pub struct Type<T>(T);
impl<T: Clone> Type<T> {
    pub fn new(of: T) -> Self { Self(of) }
    pub fn consume(self) -> T { self.0 }
    pub fn boxed(self: Box<Self>) -> T { self.0 }
    pub fn rc(self: &std::rc::Rc<Self>) -> T { self.0.clone() }
    pub fn parts(&mut self) -> (&mut T, usize) { (&mut self.0, 1) }
    pub async fn wait(&mut self) -> Result<&mut T, T> { Ok(&mut self.0) }
}
pub trait Shape: Sized {
    fn area(&self) -> f64;
    fn twice(&self) -> f64 { self.area() * 2.0 }
    fn take(self) -> Self { self }
    fn try_new() -> Option<Self> { None }
}
pub enum Free {}
impl std::ops::Deref for Type<u8> {
    type Target = u8;
    fn deref(&self) -> &u8 { &self.0 }
}
impl std::ops::DerefMut for Type<u8> { fn deref_mut(&mut self) -> &mut u8 { &mut self.0 } }
impl std::ops::Index<usize> for Type<Vec<u8>> { type Output = u8; fn index(&self, at: usize) -> &u8 { &self.0[at] } }
impl Iterator for Type<u8> { type Item = u8; fn next(&mut self) -> Option<Self::Item> { self.0.checked_sub(1) } }
impl<'a> From<&'a str> for Type<&'a str> { fn from(of: &'a str) -> Self { Self(of) } }
impl std::future::Future for Type<u8> {
    type Output = Result<u8, u8>;
    fn poll(mut self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        self.0 += 1;
        std::task::Poll::Ready(Ok(self.0))
    }
}
impl std::str::FromStr for Type<u8> { type Err = std::num::ParseIntError; fn from_str(of: &str) -> Result<Self, Self::Err> { Ok(Self(of.parse()?)) } }

pub struct Mid<S>(S);
pub trait Maker { type Made; type Making: std::future::Future<Output = Result<Self::Made, u8>> + 'static; fn make(&self) -> Self::Making; }
impl<S: Maker> Mid<S> {
    pub fn made(&self) -> std::pin::Pin<Box<dyn std::future::Future<Output = Result<S::Made, Box<dyn std::error::Error>>>>> {
        let making = self.0.make();
        std::boxed::Box::pin(async move {
            if false { return Err("no".into()) }
            match making.await { Ok(made) => Ok(made), Err(_) => Err("no")? }
        })
    }
    pub fn plain(&self) -> std::pin::Pin<Box<dyn std::future::Future<Output = Result<S::Made, u8>>>> { Box::pin(self.0.make()) }
}

pub trait Service { type Response; type Future; fn call(&mut self, n: u8) -> Self::Future; }
type Boxed<T> = std::pin::Pin<Box<dyn std::future::Future<Output = T> + Send>>;
impl<S: Service> Service for Mid<S> where S::Future: std::future::Future<Output = S::Response> + Send + 'static {
    type Response = S::Response;
    type Future = std::pin::Pin<Box<dyn std::future::Future<Output = Self::Response> + Send>>;
    fn call(&mut self, n: u8) -> Self::Future {
        let future = self.0.call(n);
        Box::pin(async move { future.await })
    }
}
impl Service for u8 {
    type Response = Result<u8, u8>;
    type Future = Boxed<Result<u8, u8>>;
    fn call(&mut self, n: u8) -> Self::Future {
        *self += n;
        let sum = *self;
        Box::pin(async move { if sum > 3 { Err(sum) } else { Ok(sum) } })
    }
}
impl Service for u16 {
    type Response = u16;
    type Future = std::future::Ready<u16>;
    fn call(&mut self, _: u8) -> Self::Future { *self += 1; std::future::ready(*self) }
}

pub struct GivenBy<S, R>(S, R);
pub trait Gives<R> { type Given; fn give(&self, of: R) -> std::pin::Pin<Box<dyn std::future::Future<Output = Self::Given>>>; }
impl<S, R> GivenBy<S, R> where S: Gives<R> + 'static {
    pub fn given(&self, of: R) -> std::pin::Pin<Box<dyn std::future::Future<Output = S::Given>>> { self.0.give(of) }
}
