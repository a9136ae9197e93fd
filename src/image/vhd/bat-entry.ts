// One entry of the BAT of a VHD: the sector of the file at which a block begins (VHD specification, "Block Allocation Table").

/** In bytes. */
export const ENTRY_LENGTH = 4;

/** The sector in the entry of a block that is not in the file. */
export const UNALLOCATED = 0xffffffff;
