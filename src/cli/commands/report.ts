// vhdup report <file>
import { shownPath } from '../../base/printable.ts';
import { defineCommand } from '../define-command.ts';
import { exact } from '../screens/result-text.ts';

export const reportCommand = defineCommand({
  name: 'report',
  describe: 'Write a report of an upload, a verification or a download from its manifest and log',
  positionals: { file: { type: 'string', demandOption: true, describe: 'File to write, as one page of HTML' } },
  options: {
    manifest: {
      type: 'string',
      requiresArg: true,
      describe: 'Manifest of the upload: every range with its checksum',
    },
    'log-file': {
      type: 'string',
      requiresArg: true,
      describe: 'Log of the runs: requests, faults and what was compared',
    },
    'upload-id': {
      type: 'string',
      requiresArg: true,
      describe: 'Which upload of the log  [that of the manifest, or the newest one]',
    },
  },
  // Other commands write these files.
  withoutVariables: ['manifest', 'log-file'],
  examples: [
    'report disk.html --manifest disk.manifest --log-file upload.log',
    'report disk.html --log-file upload.log',
  ],
  epilog: 'What neither file records is shown as not recorded. Sends no request.',
  run: ({ file, manifest, logFile, uploadId }, { execute }) =>
    execute({
      run: async () => {
        const { createReport } = await import('../../report/create-report.ts');
        const { checkReportPath, writeReport } = await import('../../report/report-file.ts');
        await checkReportPath(file);
        const report = await createReport({
          ...(manifest === undefined ? {} : { manifest }),
          ...(logFile === undefined ? {} : { logFile }),
          ...(uploadId === undefined ? {} : { uploadId }),
        });
        await writeReport(file, report);
        return { report: file, size: Buffer.byteLength(report) };
      },
      describe: ({ report, size }) => `The report is in ${shownPath(report)}: ${exact(size)}.`,
    }),
});
