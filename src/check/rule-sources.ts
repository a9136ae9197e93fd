// The documents that the rules come from. docs/checks.md lists them in this order.

export interface RuleSource {
  readonly title: string;
  /** Absent for what no page on the web describes. */
  readonly url?: string;
}

const AZURE = 'https://learn.microsoft.com/azure';
const VIRTUAL_MACHINES = `${AZURE}/virtual-machines`;
const SUPPORT = 'https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows';

export const RULE_SOURCES = {
  certification: {
    title: 'Virtual machine certification FAQ',
    url: 'https://learn.microsoft.com/partner-center/marketplace-offers/azure-vm-certification-faq',
  },
  windows: {
    title: 'Prepare a Windows VHD or VHDX to upload to Azure',
    url: `${VIRTUAL_MACHINES}/windows/prepare-for-upload-vhd-image`,
  },
  linux: { title: 'Prepare Linux for imaging', url: `${VIRTUAL_MACHINES}/linux/create-upload-generic` },
  disks: { title: 'Frequently asked questions about disks', url: `${VIRTUAL_MACHINES}/faq-for-disks` },
  generation2: { title: 'Generation 2 VMs', url: `${VIRTUAL_MACHINES}/generation-2` },
  blobs: { title: 'Scalability targets for Blob storage', url: `${AZURE}/storage/blobs/scalability-targets` },
  redHat: { title: 'Prepare a Red Hat-based VM', url: `${VIRTUAL_MACHINES}/linux/redhat-create-upload-vhd` },
  directUpload: {
    title: 'Upload a VHD to a managed disk',
    url: `${VIRTUAL_MACHINES}/windows/disks-upload-vhd-to-managed-disk-powershell`,
  },
  experience: { title: 'No rule of Azure: vhdup warns because such images are known to cause trouble' },
  vhd: { title: 'VHD specification, field Saved State' },
  uefi: { title: 'UEFI specification, Removable media boot behavior', url: 'https://uefi.org/specifications' },
  marketplaceSas: { title: 'Generate a SAS URI for a VM image', url: `${AZURE}/marketplace/azure-vm-get-sas-uri` },
  publicAccess: {
    title: 'Prevent anonymous read access to blob data',
    url: `${AZURE}/storage/blobs/anonymous-read-access-prevent`,
  },
  trustedLaunch: { title: 'Trusted Launch for Azure virtual machines', url: `${VIRTUAL_MACHINES}/trusted-launch` },
  nvme: { title: 'Supported OS images for remote NVMe', url: `${VIRTUAL_MACHINES}/enable-nvme-interface` },
  platformUpdate: {
    title: 'Windows Server 2012 R2 startup failure after Azure platform update',
    url: `${SUPPORT}/windows-server-2012r2-boot-failure-platform-update`,
  },
  bootError: { title: 'Windows boot manager error 0xC000000E', url: `${SUPPORT}/error-code-0xc000000e` },
  safeMode: {
    title: 'Remote Desktop and a VM that starts in safe mode',
    url: `${SUPPORT}/troubleshoot-rdp-safe-mode`,
  },
  setupStates: {
    title: 'Windows Setup states',
    url: 'https://learn.microsoft.com/windows-hardware/manufacture/desktop/windows-setup-states',
  },
  vmAgent: { title: 'Install the Azure VM Agent offline', url: `${SUPPORT}/install-vm-agent-offline` },
  oracle: { title: 'Prepare an Oracle Linux VM', url: `${VIRTUAL_MACHINES}/linux/oracle-create-upload-vhd` },
  suse: { title: 'Prepare a SLES or openSUSE Leap VM', url: `${VIRTUAL_MACHINES}/linux/suse-create-upload-vhd` },
  debian: { title: 'Prepare a Debian VHD', url: `${VIRTUAL_MACHINES}/linux/debian-create-upload-vhd` },
  ubuntu: { title: 'Prepare an Ubuntu VM', url: `${VIRTUAL_MACHINES}/linux/create-upload-ubuntu` },
  centOs: { title: 'Prepare a CentOS-based VM', url: `${VIRTUAL_MACHINES}/linux/create-upload-centos` },
  freeBsd: { title: 'Create a FreeBSD image for Azure', url: `${VIRTUAL_MACHINES}/linux/freebsd-intro-on-azure` },
  openBsd: { title: 'Create an OpenBSD disk image', url: `${VIRTUAL_MACHINES}/linux/create-upload-openbsd` },
} satisfies Readonly<Record<string, RuleSource>>;

export type SourceName = keyof typeof RULE_SOURCES;
