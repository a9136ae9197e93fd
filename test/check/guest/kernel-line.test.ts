import { describe, expect, it } from 'vitest';
import { readKernelLine } from '../../../src/check/guest/kernel-line.ts';
import { LinuxSystem } from '../../../src/check/guest/linux-system.ts';
import { guestTree } from '../../support/guest-tree.ts';

function read(files: Readonly<Record<string, string>>) {
  return readKernelLine(new LinuxSystem({ root: guestTree(files) }));
}

describe('readKernelLine', () => {
  it('reads the first entry of a GRUB menu, without the kernel path, and ignores comments', async () => {
    const menu = '# linux /no no\nmenuentry x {\n\tlinux\t/vmlinuz-2 root=UUID=1 quiet\n}\nlinux /vmlinuz-1 single\n';
    expect(await read({ '/boot/grub/grub.cfg': menu })).toEqual({
      path: '/boot/grub/grub.cfg',
      parameters: ['root=UUID=1', 'quiet'],
    });
  });

  it.each(['linux16', 'linuxefi', 'kernel'])('recognises the command %s', async (command) => {
    const line = await read({ '/boot/grub2/grub.cfg': `${command} /vmlinuz a=1\n` });
    expect(line?.parameters).toEqual(['a=1']);
  });

  it('reads the newest Boot Loader Specification entry when the menu has none', async () => {
    const line = await read({
      '/boot/grub2/grub.cfg': 'insmod blscfg\nblscfg\n',
      '/boot/loader/entries/id-5.14.0-9.conf': 'options old\n',
      '/boot/loader/entries/id-5.14.0-70.conf': 'title x\noptions new $tuned\noptions more\n',
      '/boot/loader/entries/id-0-rescue.conf': 'options rescue\n',
    });
    expect(line).toEqual({
      path: '/boot/loader/entries/id-5.14.0-70.conf',
      parameters: ['new', '$tuned', 'more'],
    });
  });

  it('expands the variable in which RHEL 8 stores the parameters', async () => {
    const line = await read({
      '/boot/loader/entries/id-4.18.conf': 'options $kernelopts\n',
      '/boot/grub2/grubenv': '# GRUB Environment Block\nkernelopts=root=UUID=1 console=ttyS0\n####\n',
    });
    expect(line?.parameters).toEqual(['$kernelopts', 'root=UUID=1', 'console=ttyS0']);
  });

  it('reads /etc/default/grub when there is no menu', async () => {
    const text = `GRUB_TIMEOUT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX='console=ttyS0 a'\n`;
    expect((await read({ '/etc/default/grub': text }))?.parameters).toEqual(['quiet', 'console=ttyS0', 'a']);
  });

  it('finds nothing when there is no boot loader', async () => {
    expect(await read({ '/etc/fstab': '' })).toBeUndefined();
  });
});
