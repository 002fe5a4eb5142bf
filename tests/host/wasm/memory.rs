//! The filter's linear memory, as the ABI uses it: slices it passes, values it wants written, blocks it allocates.

use wasmi::{AsContext, AsContextMut, Caller, Error, Memory};

use super::Host;

/// A call from the filter.
pub(super) type Call<'a> = Caller<'a, Host>;

fn memory(call: &Call<'_>) -> Result<Memory, Error> {
    let export = call.get_export("memory").and_then(wasmi::Extern::into_memory);
    export.ok_or_else(|| Error::new("the filter exports no memory"))
}

/// The bytes that the filter passes.
pub(super) fn bytes(call: &Call<'_>, data: i32, size: i32) -> Result<Vec<u8>, Error> {
    let (start, size) = (offset(data), offset(size));
    let memory = memory(call)?;
    let slice = memory.data(call.as_context()).get(start..start + size);
    slice.map(<[u8]>::to_vec).ok_or_else(|| Error::new("a slice outside of the filter's memory"))
}

/// The text that the filter passes.
pub(super) fn text(call: &Call<'_>, data: i32, size: i32) -> Result<String, Error> {
    String::from_utf8(bytes(call, data, size)?).map_err(|_| Error::new("a text that is not UTF-8"))
}

/// Writes bytes at a place that the filter names.
pub(super) fn write(call: &mut Call<'_>, at: i32, bytes: &[u8]) -> Result<(), Error> {
    let memory = memory(call)?;
    memory.write(call.as_context_mut(), offset(at), bytes).map_err(|error| Error::new(error.to_string()))
}

/// Writes a figure of 32 bits.
pub(super) fn write_u32(call: &mut Call<'_>, at: i32, figure: u32) -> Result<(), Error> {
    write(call, at, &figure.to_le_bytes())
}

/// Hands bytes over: a block from the filter's own allocator, its address and size at the places the filter names. No
/// bytes are no block.
pub(super) fn hand_over(call: &mut Call<'_>, bytes: &[u8], data: i32, size: i32) -> Result<(), Error> {
    let length = u32::try_from(bytes.len()).map_err(|_| Error::new("too much for one block"))?;
    let mut address = 0;
    if length > 0 {
        let allocate = call.get_export("proxy_on_memory_allocate").and_then(wasmi::Extern::into_func);
        let allocate = allocate.ok_or_else(|| Error::new("the filter exports no allocator"))?;
        address = allocate
            .typed::<i32, i32>(call.as_context())?
            .call(call.as_context_mut(), length.cast_signed())?;
        write(call, address, bytes)?;
    }
    write_u32(call, data, address.cast_unsigned())?;
    write_u32(call, size, length)
}

fn offset(address: i32) -> usize {
    usize::try_from(address.cast_unsigned()).expect("addresses have 32 bits")
}
