// Names of the image formats for messages.
import type { DiskImageFormat } from './disk-image.ts';

const NAMES: Readonly<Record<DiskImageFormat, string>> = {
  'vhd-fixed': 'fixed VHD',
  'vhd-dynamic': 'dynamic VHD',
  'vhd-differencing': 'differencing VHD',
  'vhdx-fixed': 'fixed VHDX',
  'vhdx-dynamic': 'dynamic VHDX',
  'vhdx-differencing': 'differencing VHDX',
  raw: 'raw disk',
};

/** "dynamic VHDX" */
export function formatName(format: DiskImageFormat): string {
  return NAMES[format];
}
