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
      kernel: '/vmlinuz-2',
      version: '2',
      initrds: [],
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
      initrds: [],
    });
  });

  it('expands the variable in which RHEL 8 stores the parameters', async () => {
    const line = await read({
      '/boot/loader/entries/id-4.18.conf': 'options $kernelopts\n',
      '/boot/grub2/grubenv': '# GRUB Environment Block\nkernelopts=root=UUID=1 console=ttyS0\n####\n',
    });
    expect(line?.parameters).toEqual(['$kernelopts', 'root=UUID=1', 'console=ttyS0']);
  });

  it('takes that variable from the menu if it is not stored', async () => {
    const entries = { '/boot/loader/entries/id-4.18.conf': 'options $kernelopts x\n' };
    const menu = 'blscfg\nif [ -z "$kernelopts" ]; then\n  set kernelopts="root=UUID=1 console=ttyS0 "\nfi\n';
    const parameters = ['$kernelopts', 'x', 'root=UUID=1', 'console=ttyS0'];
    expect(await read({ ...entries, '/boot/grub2/grub.cfg': menu })).toMatchObject({ parameters });
    const efi = guestTree({ '/EFI/redhat/grub.cfg': menu });
    const system = new LinuxSystem({ root: guestTree({ '/etc/fstab': '', ...entries }), efi });
    expect(await readKernelLine(system)).toMatchObject({ parameters });
  });

  it('reads /etc/default/grub when there is no menu', async () => {
    const text = `GRUB_TIMEOUT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX='console=ttyS0 a'\n`;
    expect((await read({ '/etc/default/grub': text }))?.parameters).toEqual(['quiet', 'console=ttyS0', 'a']);
  });

  it('reads the kernel and the initrds, of the first entry only', async () => {
    const menu =
      'menuentry x {\n linux ($root)/boot/vmlinuz-6.1-a root=x\n initrd /ucode.img /boot/initrd.img-6.1-a\n}\nmenuentry y {\n linux /vmlinuz-5\n initrd /5\n}\n';
    expect(await read({ '/boot/grub/grub.cfg': menu })).toMatchObject({
      kernel: '/boot/vmlinuz-6.1-a',
      version: '6.1-a',
      initrds: ['/ucode.img', '/boot/initrd.img-6.1-a'],
    });
    expect(await read({ '/boot/grub/grub.cfg': 'linux /vmlinuz root=x\nlinux /b\ninitrd /b.img\n' })).toMatchObject({
      kernel: '/vmlinuz',
      initrds: [],
    });
  });

  it('reads the entry of GRUB 1 that is the default', async () => {
    const menu = (line: string) =>
      `${line}\ntitle a\nkernel /vmlinuz-1\ninitrd /1\ntitle b\nkernel /vmlinuz-2\ninitrd /2\n`;
    const of = async (line: string) => await read({ '/boot/grub/menu.lst': menu(line) });
    expect(await of('default=1')).toMatchObject({ version: '2', initrds: ['/2'] });
    expect(await of('default 0')).toMatchObject({ version: '1', initrds: ['/1'] });
    expect(await of('default=7')).toMatchObject({ version: '1', initrds: ['/1'] });
    expect(await of('default=saved')).toMatchObject({ version: '1', initrds: ['/1'] });
  });

  it.each([
    ['', '5'],
    ['set default="0"', '5'],
    ['set default=1', '3'],
    ['set default="Red Hat (3)"', '3'],
    ['set default="id-3"', '3'],
    ['set default="more>1"', '1'],
    ['set default="2>Red Hat (1)"', '1'],
    ['set default="2"', '2'],
    ['set default="gone"', '5'],
    ['set default="3"', '5'],
    [`if x\nset default="\${next_entry}"\nelse\nset default="\${saved_entry}"\nfi`, '3'],
  ])('reads the entry of GRUB 2 that is the default by %j', async (setting, version) => {
    const entry = (number: number) =>
      `menuentry 'Red Hat (${number})' --class x $menuentry_id_option 'id-${number}' {\n load_video\n linux /vmlinuz-${number} a\n}\n`;
    const submenu = `submenu "More" --id more {\n${entry(2)}${entry(1)}}\n`;
    const menu = `${setting}\nfunction load_video {\n x\n}\n${entry(5)}${entry(3)}${submenu}menuentry 'UEFI Firmware Settings' {\n fwsetup\n}\n`;
    const files = { '/boot/grub2/grub.cfg': menu, '/boot/grub2/grubenv': 'saved_entry=Red Hat (3)\n' };
    expect(await read(files)).toMatchObject({ version });
  });

  it('reads a menu with submenus of any depth', async () => {
    const menu = `${'submenu x {\n'.repeat(50_000)}menuentry y {\nlinux /vmlinuz-1 a\n`;
    expect(await read({ '/boot/grub2/grub.cfg': menu })).toMatchObject({ version: '1' });
  });

  it('reads the Boot Loader Specification entry that GRUB has saved as the default', async () => {
    const entry = (version: string) =>
      `title x\nversion ${version}\nlinux\t/vmlinuz-${version}\ninitrd /i-${version} $tuned_initrd\noptions a\n`;
    const files = {
      '/boot/loader/entries/id-5.14.0-9.conf': entry('5.14.0-9'),
      '/boot/loader/entries/id-5.14.0-70.conf': entry('5.14.0-70'),
    };
    const saved = { ...files, '/boot/grub2/grubenv': 'saved_entry=id-5.14.0-9\n' };
    expect(await read(saved)).toMatchObject({
      kernel: '/vmlinuz-5.14.0-9',
      version: '5.14.0-9',
      initrds: ['/i-5.14.0-9'],
    });
    expect(await read({ ...saved, '/boot/grub2/grubenv': 'saved_entry=id-removed\n' })).toMatchObject({
      version: '5.14.0-70',
    });
    const path = { '/boot/loader/entries/a.conf': 'linux /0123/6.10.0-1/linux\noptions x\n' };
    expect(await read(path)).toMatchObject({ version: '6.10.0-1' });
  });

  it('reads the menu of Red Hat on the EFI system partition', async () => {
    const efi = guestTree({ '/EFI/redhat/grub.cfg': 'linuxefi /vmlinuz-3.10 quiet\ninitrdefi /initramfs-3.10.img\n' });
    const system = new LinuxSystem({ root: guestTree({ '/etc/fstab': '' }), efi });
    expect(await readKernelLine(system)).toMatchObject({
      path: '/boot/efi/EFI/redhat/grub.cfg',
      version: '3.10',
      initrds: ['/initramfs-3.10.img'],
    });
  });

  it('finds nothing when there is no boot loader', async () => {
    expect(await read({ '/etc/fstab': '' })).toBeUndefined();
  });
});
